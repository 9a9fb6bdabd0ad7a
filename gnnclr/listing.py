"""What the command ``gnnclr list`` shows."""

import inspect
import re
import textwrap
from importlib import import_module
from importlib.resources import files
from types import ModuleType

WIDTH = 100
ROOMS = {"losses": "gnnclr.losses", "layers": "gnnclr.nn", "graph": "gnnclr.graph", "probes": "gnnclr.eval"}
LISTS = ("configs", *ROOMS)


def listing(what: str, names_only: bool = False) -> str:
    """The text of ``gnnclr list``, at most 100 columns wide where words allow.

    Args:
        what (str): One of :obj:`LISTS`.
        names_only (bool, optional): Names alone, one a line. (default: ``False``)
    """
    entries = _recipes() if what == "configs" else _objects(import_module(ROOMS[what]), what == "losses")
    if names_only:
        return "\n".join(entries)
    if what != "losses":
        width = max(map(len, entries)) + 2
        return "\n".join(_wrap(name.ljust(width), text, width) for name, text in entries.items())
    return "\n\n".join(_objective(name, loss) for name, loss in entries.items())


def _recipes() -> dict[str, str]:
    """Recipes and the comment in their first line."""
    paths = {p.name.removesuffix(".yaml"): p for p in files("gnnclr.configs").iterdir() if p.name.endswith(".yaml")}
    first = {name: path.read_text(encoding="utf-8").splitlines()[0] for name, path in sorted(paths.items())}
    return {name: line.removeprefix("# ") for name, line in first.items()}


def _objects(module: ModuleType, losses: bool) -> dict:
    """Public objects of a package: its objectives, or the summary of everything but submodules."""
    values = {name: getattr(module, name) for name in sorted(module.__all__)}
    if losses:
        # Base classes have no anatomy.
        return {name: value for name, value in values.items() if getattr(value, "anatomy", None) is not None}
    return {name: _summary(value) for name, value in values.items() if not inspect.ismodule(value)}


def _objective(name: str, loss: type) -> str:
    arguments = inspect.signature(loss).parameters.values()
    lines = vars(loss.anatomy) | {"arguments": ", ".join(f"{a.name}={a.default!r}" for a in arguments)}
    return "\n".join([name, *(_wrap(f"  {part:11}", text, 13) for part, text in lines.items())])


def _summary(value: object) -> str:
    """The first sentence of a docstring, without markup."""
    paragraph = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?([^`]+)`", r"\1", paragraph)
    text = re.sub(r"`+\"?([^`<]+?)\"?\s*(?:<[^`]*>)?`+_?", r"\1", text)
    sentence = re.split(r"(?<=\w\w[\w)])\. ", text)[0].rstrip(".,:;")
    return re.sub(r"\\mathbf|[\\{}]", "", sentence)


def _wrap(label: str, text: str, indent: int) -> str:
    # An address stays in one piece: it can be clicked.
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
