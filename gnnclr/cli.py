# PYTHON_ARGCOMPLETE_OK
"""The command ``gnnclr``: its arguments, its errors and its exit status."""

import argparse
import atexit
import gc
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import gnnclr
from gnnclr import commands
from gnnclr.listing import LISTS
from gnnclr.messages import explain_system_error, explain_unexpected
from gnnclr.processes import is_rank_zero, sigterm_interrupts

EXAMPLES = """\
examples:
  gnnclr demo                                              train on embedded data and write report.html
  gnnclr list                                              show the recipes
  gnnclr list losses                                       what every objective is made of
  gnnclr fit --config simclr-digits --trainer.max_epochs=20
  gnnclr fit --config grace-cora --data.root=PATH --out=runs/cora
  gnnclr fit --config byol --data.dataset=digits           a method on data by name, or of a file: graph.pt
  gnnclr fit --config grace-cora --print_config            all settings of a recipe
  gnnclr fit --ckpt_path=runs/cora/checkpoints/last.ckpt   go on with a run that was stopped
  gnnclr evaluate --config grace-sbm --seeds 5             mean and standard deviation over seeds
  gnnclr evaluate --run runs/photos --data.dataset=folder --data.root=OTHER   on other labeled images
  gnnclr compare --configs grace,ccassg --data.dataset=graph.pt --seeds 5
  gnnclr search --config decoupled-lsa --data.dataset=graph.pt --budget 50 --parallel 4
  gnnclr embed --run runs/cora --output z.npz
  gnnclr embed --run runs/photos --images FOLDER           embeddings of other images
  gnnclr embed --run runs/cora --graph other.pt            embeddings of another graph
  gnnclr few-shot --run runs/samp --ways 4                 1 and 5 shots, on classes that were not trained on
  gnnclr report runs/cora runs/pubmed --output report.html
  gnnclr export --run runs/photos --format onnx --output encoder.onnx
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status: 0, 2 for wrong arguments or a file that cannot be used, 130 after
    Ctrl-C, 1 for an error that no check foresaw. ``GNNCLR_DEBUG=1`` shows the tracebacks of all errors."""
    parser, options = _parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may come next
        from gnnclr.completion import complete

        complete(parser)
    # At the end of the process all objects would be searched for garbage once more, which takes seconds.
    atexit.register(gc.freeze)
    try:
        arguments, rest = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
        if arguments.command is None:
            if rest:
                raise ValueError(_unknown(rest[0], ["--help", "--version"]))
            parser.print_help()
            return 0
        if rest and not arguments.takes_recipe:
            raise ValueError(_unknown(rest[0], options[arguments.command]))
        ignore_library_warnings()
        if not is_rank_zero() and not (arguments.takes_recipe and getattr(arguments, "run", None) is None):
            return 0  # commands that do not train run once
        with sigterm_interrupts():
            return arguments.function(arguments, rest)
    except BrokenPipeError:  # `gnnclr list losses | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("GNNCLR_DEBUG"):
            raise
        return _fail(error)
    except KeyboardInterrupt:
        return commands.stopped("gnnclr: stopped")


def ignore_library_warnings() -> None:
    """Lightning and PyTorch warn about each other's deprecations, and scikit-learn about probes, which no user of a
    command can mend. Warnings of this package are a line, without the place in the code."""
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support")  # which names our file
    usual = warnings.formatwarning

    def line(message: Any, category: type[Warning], filename: str, *args: Any, **kwargs: Any) -> str:
        own = Path(filename).is_relative_to(Path(gnnclr.__file__).parent)
        return f"gnnclr: {message}\n" if own else usual(message, category, filename, *args, **kwargs)

    warnings.formatwarning = line
    for category in (DeprecationWarning, FutureWarning, UserWarning):
        warnings.filterwarnings(
            "ignore", category=category, module=r"(torch|lightning|torch_geometric|faiss|sklearn)\b"
        )


def _fail(error: Exception) -> int:
    status, text = 2, str(error)
    if isinstance(error, ModuleNotFoundError):
        text = f"{error}; install it with: pip install 'gnnclr[cpu,train,report]'"
    elif isinstance(error, OSError):
        text = explain_system_error(error)
    elif not isinstance(error, (ValueError, ImportError)):
        status, text = 1, explain_unexpected(error)
    if not is_rank_zero():
        time.sleep(2.0)  # the first process says so if it fails alike, and its launcher ends this one
    print(f"gnnclr: error: {text}", file=sys.stderr)
    return status


def _path(text: str) -> str:
    """A path of the command line: a shell leaves ``~`` alone behind ``--option=``."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path (got '')")
    return os.path.expanduser(os.path.expandvars(text))


def _counts(text: str) -> list[int]:
    """Whole numbers, separated by commas."""
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be whole numbers, as 1,5 (got {text!r})") from None


def _parser() -> tuple[argparse.ArgumentParser, dict[str, list[str]]]:
    form = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = _Parser(prog="gnnclr", description=gnnclr.__doc__, epilog=EXAMPLES, **form)
    parser.add_argument("--version", action="version", version=f"gnnclr {gnnclr.__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for add in COMMANDS:
        add(parsers)
    options = {n: [o for a in p._actions for o in a.option_strings] for n, p in parsers.choices.items()}
    return parser, options


def _recipe_options(parser: argparse.ArgumentParser, out: str) -> None:
    help = "name of a recipe (see `gnnclr list`), or a YAML file; several are merged in order"
    parser.add_argument("--config", type=_path, metavar="NAME", action="append", help=help)
    parser.add_argument("--out", type=_path, metavar="FOLDER", help=out)


def _parallel_options(parser: argparse.ArgumentParser, runs: str) -> None:
    what = f"{runs} at a time, each a process of its own with as many threads as this one (default: 1)"
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help=what)
    what = "memory of all processes together: those wait that would exceed it (default: no limit)"
    parser.add_argument("--memory-limit", type=float, metavar="GB", help=what)


def _add_fit(parsers: Any) -> None:
    fit = parsers.add_parser("fit", help="train a recipe, or go on with a run", add_help=False, allow_abbrev=False)
    _recipe_options(fit, "folder of the run (default: runs/NAME/1, 2, ...)")
    fit.add_argument("--ckpt_path", type=_path, metavar="FILE", help="go on from this checkpoint")
    fit.add_argument("-h", "--help", nargs="?", const="", metavar="FIELD", help="show this help, or that of a field")
    fit.add_argument("--help-all", action="store_true", help="show all fields that every recipe has")
    fit.set_defaults(function=commands.fit, takes_recipe=True)


def _add_evaluate(parsers: Any) -> None:
    brief = "probe a run, on its data or others, or a recipe over several seeds"
    evaluate = parsers.add_parser("evaluate", help=brief, allow_abbrev=False)
    evaluate.add_argument("--run", type=_path, metavar="FOLDER", help="the folder of a run")
    _recipe_options(evaluate, "with --config: folder of the runs (default: runs/NAME/seeds)")
    evaluate.add_argument("--seeds", type=int, metavar="N", help="with --config: train seeds 0 to N-1 (default: 5)")
    what = "with --run and --data.dataset: train the whole encoder on these images for N epochs, too"
    evaluate.add_argument("--finetune", type=int, metavar="N", help=what)
    what = (
        "with --run: accuracy on N test images, corrupted at five strengths and in textures of others (default: 1000)"
    )
    evaluate.add_argument("--corruptions", type=int, nargs="?", const=1000, metavar="N", help=what)
    evaluate.set_defaults(function=commands.evaluate, takes_recipe=True)


def _add_compare(parsers: Any) -> None:
    compare = parsers.add_parser("compare", help="several recipes on the same data and seeds", allow_abbrev=False)
    names = "names of recipes, or YAML files; differences are those from the first one"
    compare.add_argument("--configs", required=True, metavar="NAME,NAME,...", help=names)
    compare.add_argument("--seeds", type=int, default=5, metavar="N", help="train seeds 0 to N-1 (default: 5)")
    compare.add_argument("--out", type=_path, default="runs/comparison", metavar="FOLDER", help="default: %(default)s")
    _parallel_options(compare, "runs")
    compare.set_defaults(function=commands.compare, takes_recipe=True)


def _add_search(parsers: Any) -> None:
    about = "Tries settings of a recipe, chooses by validation alone, and tests the best ones over fresh seeds. The "
    about += "same command goes on after a stop, and several processes of it share the trials."
    brief = "choose settings by validation, and test the best ones once"
    search = parsers.add_parser("search", help=brief, description=about, allow_abbrev=False)
    _recipe_options(search, "folder of the search (default: runs/NAME/search)")
    what = "YAML file: field: [values] or {low: A, high: B, log: true} (default: the space of the recipe)"
    search.add_argument("--space", type=_path, metavar="FILE", help=what)
    search.add_argument("--budget", type=int, default=50, metavar="N", help="number of trials (default: 50)")
    search.add_argument("--seeds", type=int, default=3, metavar="N", help="test over seeds 0 to N-1 (default: 3)")
    what = "validation, or link_auc, which needs no labels (default: the first that the data allow)"
    search.add_argument("--criterion", metavar="NAME", help=what)
    _parallel_options(search, "trials, and runs of the best ones,")
    search.set_defaults(function=commands.search, takes_recipe=True)


def _add_embed(parsers: Any) -> None:
    about = (
        "Writes the embeddings z of the data of a run, or of other data of their kind, and what is known of the rows: "
    )
    about += "name, y (-1 where a label is missing), classes (their names), and the rows train, val and test."
    brief = "write the embeddings of a run to a file"
    embed = parsers.add_parser("embed", help=brief, description=about, allow_abbrev=False)
    embed.add_argument("--run", type=_path, required=True, metavar="FOLDER", help="the folder of a run")
    embed.add_argument(
        "--images", type=_path, metavar="FOLDER", help="embed these images; a zip file or shards are a folder too"
    )
    embed.add_argument("--graph", type=_path, metavar="FILE", help="embed the nodes of this graph, of torch.save")
    file = "*.npz or, with pyarrow, *.parquet (default: embeddings.npz)"
    embed.add_argument("--output", type=_path, default="embeddings.npz", metavar="FILE", help=file)
    embed.set_defaults(function=commands.embed, takes_recipe=False)


def _add_few_shot(parsers: Any) -> None:
    about = "Accuracy of the nearest prototype in random tasks of a few labeled images, on the classes that "
    about += "--data.train_classes of the training left out, or on test images."
    brief = "measure a run on images by few-shot episodes"
    few = parsers.add_parser("few-shot", help=brief, description=about, allow_abbrev=False)
    few.add_argument("--run", type=_path, required=True, metavar="FOLDER", help="the folder of a run on images")
    few.add_argument("--ways", type=int, default=5, metavar="N", help="classes of an episode (default: 5)")
    shots = "labeled images of a class (default: 1,5)"
    few.add_argument("--shots", type=_counts, default=[1, 5], metavar="K,K,...", help=shots)
    few.add_argument("--queries", type=int, default=15, metavar="Q", help="images of a class to classify (default: 15)")
    few.add_argument("--episodes", type=int, default=1000, metavar="N", help="number of episodes (default: 1000)")
    few.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the episodes (default: 0)")
    few.set_defaults(function=commands.few_shot, takes_recipe=False)


def _add_export(parsers: Any) -> None:
    brief = "write the trained encoder of images to a file for other programs"
    export = parsers.add_parser("export", help=brief, allow_abbrev=False)
    export.add_argument("--run", type=_path, required=True, metavar="FOLDER", help="the folder of a run on images")
    export.add_argument("--format", required=True, metavar="NAME", help="safetensors, torch_export or onnx")
    export.add_argument("--output", type=_path, required=True, metavar="FILE", help="the file")
    export.set_defaults(function=commands.export, takes_recipe=False)


def _add_report(parsers: Any) -> None:
    brief = "write a page about runs: probes, curves, a batch, embeddings, neighbors, settings that differ"
    report = parsers.add_parser("report", help=brief, allow_abbrev=False)
    folders = "folders of runs, or of `evaluate --seeds` and `compare`"
    report.add_argument("runs", type=_path, nargs="+", metavar="RUN", help=folders)
    report.add_argument("--output", type=_path, default="report.html", metavar="FILE", help="default: %(default)s")
    report.set_defaults(function=commands.report, takes_recipe=False)


def _add_list(parsers: Any) -> None:
    lists = parsers.add_parser("list", help="list recipes, losses, layers or probes", allow_abbrev=False)
    lists.add_argument("what", nargs="?", default="configs", choices=sorted(LISTS), help="default: configs")
    lists.add_argument("--names", action="store_true", help="names only, one a line")
    lists.set_defaults(function=commands.list_names, takes_recipe=False)


def _add_demo(parsers: Any) -> None:
    demo = parsers.add_parser("demo", help="train on embedded data and write report.html", allow_abbrev=False)
    demo.add_argument(
        "--out", type=_path, default=".", metavar="FOLDER", help="where report.html and the runs go (default: .)"
    )
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    demo.set_defaults(function=commands.demo, takes_recipe=False)


#: What adds each command, in the order of the help.
COMMANDS = (
    _add_fit,
    _add_evaluate,
    _add_compare,
    _add_search,
    _add_embed,
    _add_few_shot,
    _add_export,
    _add_report,
    _add_list,
    _add_demo,
)


def _unknown(option: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(option.split("=")[0], known, 1)
    return f"unknown option {option!r}" + (f"; did you mean {close[0]!r}?" if close else "")


if __name__ == "__main__":
    sys.exit(main())
