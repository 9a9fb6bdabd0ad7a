"""Errors of the libraries that read and use a recipe, in one line that names the field."""

import difflib
import importlib
import re
from argparse import ArgumentError
from collections.abc import Iterable, Sequence

from gnnclr.ops.paths import causes

#: How a value of a type is called.
KINDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "NoneType": "null",
    "list": "a list",
    "tuple": "a list",
    "dict": "fields and their values",
}
#: Fields that only some methods or data have, and why.
ONLY_FOR = {
    "chunk_size": ": only methods for images, and Decoupled, embed rows that do not depend on each other",
    "textures": ": only images have textures that are made once",
    "captions": ": only images in memory, such as digits, have captions",
}
#: The first words of jsonargparse's message where none of several types fits.
NO_TYPE_FITS = "Does not validate against any of the Union subtypes"


def explain(error: ArgumentError, options: Sequence[str], overrides: Sequence[str] = ()) -> str:
    """The message of jsonargparse about a recipe, in a line: the field, what it must be, and what came.

    Args:
        error (ArgumentError): The error.
        options (list): All options ``--FIELD`` there are, for a hint at the nearest one.
        overrides (list, optional): The arguments of the command line. (default: none)
    """
    text = str(error)
    found = re.search(r"unrecognized arguments: (\S+)", text)
    if found:
        word = found[1].split("=")[0]
        return f"unknown option {word!r}{did_you_mean(word, options)}"
    found = re.search(r"argument (--[\w.]+): expected one argument", text)
    if found:
        return f"{_without_value(found[1], overrides)!r} needs a value: {_without_value(found[1], overrides)}=VALUE"
    found = re.match(r'Parser key "([\w.]+)":\s*Unable to load config \'(.*)\'', text)
    if found:
        return f"'{found[1]}' must be fields and their values (got {_short(found[2])})"
    found = re.search(r"(?:Option|option|Key) '([\w.]+)'(?: is not (?:accepted|expected))?", text)
    if found and "required" not in text:
        reason = next((ONLY_FOR[part] for part in found[1].split(".") if part in ONLY_FOR), None)
        return f"unknown field {found[1]!r}{reason or did_you_mean(found[1], options)}"
    field, message = _innermost(error)
    required = re.match(r"the following arguments are required: (.*)", message)
    if required and not field:
        return f"the fields {required[1]} are required (got none)"
    if not field:
        return " ".join(message.split())
    return _sentence(field, message, text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean ...?"`` with the known word that is spelt most alike, or nothing.

    Args:
        word (str): The word that came.
        known (list): The accepted words. Dotted names also match by their last part.
    """
    known = list(known)
    close = difflib.get_close_matches(word, known, 1, cutoff=0.6)
    if not close:
        tails = {name.rsplit(".", 1)[-1].lstrip("-"): name for name in known}
        close = [tails[tail] for tail in difflib.get_close_matches(word.rsplit(".", 1)[-1].lstrip("-"), tails, 1)]
    return f"; did you mean {close[0]!r}?" if close else ""


def innermost(error: BaseException) -> BaseException:
    """The error that the class of a field raised, out of the one that jsonargparse wrapped it in.

    Args:
        error (BaseException): The error.
    """
    while str(error).startswith((NO_TYPE_FITS, "Problem with given class_path")) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _innermost(error: BaseException) -> tuple[str, str]:
    """The dotted field, and the message about it: parsers of parts are inside of parsers of the whole."""
    path, last, message = [], None, str(error)
    for cause in causes(error):
        text = str(cause)
        key = re.match(r'Parser key "([\w.]+)":\s*', text)
        if key and text != last:
            path.append(key[1])
        last, text = text, text[key.end() :] if key else text
        # Below these is the first of several types alone, or a reason without the class.
        if key or text.startswith("Problem with") or not message.startswith((NO_TYPE_FITS, "Problem with")):
            message = text
    return ".".join(path).replace(".init_args", ""), message.strip()


def _sentence(field: str, message: str, whole: str) -> str:
    got = re.findall(r"^\s*Given value: (.*?)(?:\. Got value: .*)?$", message, re.MULTILINE)
    for text in (message, whole):
        got = got or re.findall(r"(?:Got value|import path string): (.*)$", text, re.MULTILINE)
    came = _came(got[0] if got else whole)
    if message.startswith(("- Expected a path", NO_TYPE_FITS)) and NO_TYPE_FITS in message:
        wanted = re.findall(r"^\s*- (.*)$", message.split("Errors:", 1)[1], re.MULTILINE)
        kinds = list(dict.fromkeys(kind for kind in (_kind(text, came) for text in wanted) if kind))
        return f"'{field}' must be {' or '.join(kinds) or 'of another type'} (got {came})"
    named = re.search(r"Problem with given class_path '([^']+)':\s*(.*)", message, re.DOTALL)
    if named:
        return _class_sentence(field, named[1], " ".join(named[2].split()))
    kind = _kind(message, came)
    if kind:
        return f"'{field}' must be {kind} (got {came})"
    return f"'{field}': {_short(' '.join(message.split()), 200)}"


def _came(text: str) -> str:
    """A value as users wrote it: of a class, its path."""
    named = re.match(r"Namespace\(class_path='([^']+)'", text.strip())
    return _short(named[1] if named else text)


def _class_sentence(field: str, path: str, reason: str) -> str:
    required = re.search(r"the following arguments are required: (.*)", reason)
    if required:
        return f"'{field}' needs the fields {required[1]} (got {path} without them)"
    module, _, name = path.rpartition(".")
    try:
        known = dir(importlib.import_module(module))
    except (ImportError, ValueError):
        known = []
    return f"'{field}' must be a class (got {path!r}: {reason.rstrip('.')}){did_you_mean(name, known)}"


def _kind(text: str, came: str) -> str:
    """The kind of value that jsonargparse expected, in words; nothing if it is unknown."""
    found = re.search(r"subclass of (?:<class ')?(\w+(?:\.\w+)*)", text)
    if found and found[1] != "spec":
        return _with_article(found[1].rpartition(".")[2])
    found = re.search(r"the following arguments are required: (.*)", text)
    if found:
        return f"a class with its fields {found[1]}"
    if "import path" in text:
        return "the import path of a class"
    found = re.match(r"Expected a tuple with (\d+) elements", text)
    if found:
        return f"a list of {found[1]}"
    found = re.match(r"Expected an? typing\.Literal\[(.*?)\]", text)
    if found:
        return f"one of {found[1]}"
    found = re.match(r"Expected an? <class '(?:[\w.]+\.)?(\w+)'>(?:\. Got value: (.*))?", text)
    if not found:
        return ""
    kind = KINDS.get(found[1], _with_article(found[1]))
    return kind if found[2] is None or _came(found[2]).lower() == came.lower() else f"a list with {kind} in each place"


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _without_value(option: str, overrides: Sequence[str]) -> str:
    """Which of the overrides has no value: jsonargparse names the parser of its part alone."""
    for word, following in zip(overrides, [*overrides[1:], "--"]):
        if word.startswith(option) and "=" not in word and following.startswith("--"):
            return word
    return option


def _short(text: str, most: int = 80) -> str:
    text = text.strip()
    return text if len(text) <= most else text[: most - 3] + "..."
