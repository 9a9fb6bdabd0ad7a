"""What the commands of ``gnnclr`` do. Heavy imports are inside of each, so that ``gnnclr --help`` is quick."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from gnnclr.listing import listing
from gnnclr.processes import STOPPED, is_rank_zero


def stopped(message: str) -> int:
    """Says that the command was stopped, once for all processes, and returns the exit status."""
    if is_rank_zero():
        print(message, file=sys.stderr)
    else:
        time.sleep(2.0)  # a launcher ends all processes with the first one that does
    return STOPPED


def fit(arguments: argparse.Namespace, overrides: list[str]) -> int:
    """Trains a recipe, goes on with a run, or explains fields."""
    if arguments.help is not None or arguments.help_all:
        return _fit_help(arguments, overrides)
    from gnnclr.train import Run, TrainingInterrupted, parse_recipe

    checkpoint = None if arguments.ckpt_path is None else Path(arguments.ckpt_path)
    if checkpoint is None and arguments.config is None:
        raise ValueError("'fit' needs --config NAME, or --ckpt_path FILE of a run; `gnnclr list` shows the names")
    if checkpoint is not None and not checkpoint.is_file():
        reason = "; it is a folder" if checkpoint.is_dir() else ""
        raise ValueError(f"there is no checkpoint {arguments.ckpt_path!r}{reason}")
    if arguments.config is None:
        origin = checkpoint.resolve().parent.parent
        if not (origin / "config.yaml").is_file():
            raise ValueError(
                f"'--ckpt_path' must be FOLDER/checkpoints/FILE of a run, or go with --config (got {checkpoint})"
            )
        run = Run.open(origin, overrides)
        run.folder = Path(arguments.out) if arguments.out else origin
        new = run.folder.resolve() != origin
    else:
        name, new = _name(arguments.config), True
        recipe = parse_recipe(arguments.config, overrides)
        run = Run(recipe, arguments.out or Path("runs", name), name, numbered=arguments.out is None)
    try:
        result = run.fit(checkpoint, new)
    except TrainingInterrupted as stop:
        return stopped(f"\nStopped after step {stop.step}. Go on with\n  gnnclr fit --ckpt_path={stop.path}")
    if not is_rank_zero():
        return 0
    _print_result(result)
    steps = f"{result['steps']} step{'s' * (result['steps'] != 1)}"
    print(f"\n{steps} in {result['seconds']:.0f} s; everything is in {run.folder}")
    return 0


def _name(configs: list[str]) -> str:
    return "+".join(Path(config).stem for config in configs)


def _fit_help(arguments: argparse.Namespace, overrides: list[str]) -> int:
    from gnnclr.fit_help import SCREEN, field_help

    if arguments.help_all:
        from gnnclr.train import recipe_parser

        recipe_parser().print_help()
    else:
        print(field_help(arguments.help, arguments.config, overrides) if arguments.help else SCREEN)
    return 0


def evaluate(arguments: argparse.Namespace, overrides: list[str]) -> int:
    """Probes a run, or a recipe over several seeds."""
    from gnnclr.train import Run, Seeds, TrainingInterrupted, parse_recipe

    if (arguments.run is None) == (arguments.config is None):
        raise ValueError("'evaluate' needs either --run FOLDER or --config NAME")
    if arguments.run is not None:
        for name in ("seeds", "out"):
            if (value := getattr(arguments, name)) is not None:
                raise ValueError(f"'--{name}' goes with --config; --run evaluates one run in its folder (got {value})")
        elsewhere = any(word.startswith(("--data.dataset", "--data.init_args.dataset")) for word in overrides)
        if elsewhere and arguments.corruptions is None:
            return _evaluate_elsewhere(arguments, overrides)
        _check_no_finetune(arguments, "--run FOLDER --data.dataset=NAME")
        if arguments.corruptions is not None:
            if elsewhere:
                raise ValueError(f"'--corruptions' goes with the data of the run, not with others (got {overrides})")
            return _evaluate_out_of_domain(arguments, overrides)
        _print_result(Run.open(arguments.run, overrides).evaluate())
        return 0
    _check_no_finetune(arguments, "--run FOLDER --data.dataset=NAME")
    if arguments.corruptions is not None:
        raise ValueError(f"'--corruptions' goes with --run FOLDER (got {arguments.corruptions})")
    _check_no_seed(overrides)
    name, count = _name(arguments.config), 5 if arguments.seeds is None else arguments.seeds
    seeds = Seeds(parse_recipe(arguments.config, overrides), arguments.out or f"runs/{name}/seeds", name)
    try:
        table = seeds.evaluate(count)
    except TrainingInterrupted:
        return stopped("\nStopped. The same command goes on where it was.")
    if not is_rank_zero():
        return 0
    print(f"\n{table}\n\nTest results in percent, mean ± standard deviation over {count} seeds; see {seeds.folder}")
    return 0


def _check_no_finetune(arguments: argparse.Namespace, needs: str) -> None:
    if arguments.finetune is not None:
        raise ValueError(f"'--finetune' goes with {needs} (got {arguments.finetune})")


def _evaluate_elsewhere(arguments: argparse.Namespace, overrides: list[str]) -> int:
    """Evaluates the encoder of a run on other labeled images."""
    from gnnclr.eval import results_table
    from gnnclr.train import Run
    from gnnclr.train.transfer import Transfer

    result = Transfer(Run.open(arguments.run), overrides, arguments.finetune or 0).evaluate()
    about, few = result["data"], ", ".join(f"{name} are {count}" for name, count in result["labels"].items())
    print(f"\n{results_table(result['test'], corner='test')}\n")
    print(f"{about['train']} training, {about['val']} validation and {about['test']} test images of", end=" ")
    print(f"{about['classes']} classes; {few} of the training images. All is in {result['path']}")
    return 0


def _evaluate_out_of_domain(arguments: argparse.Namespace, overrides: list[str]) -> int:
    """Evaluates a run on corrupted test images, and on shapes in the textures of others."""
    from gnnclr.eval import results_table
    from gnnclr.train import Run
    from gnnclr.train.transfer import OutOfDomain

    result = OutOfDomain(Run.open(arguments.run, overrides), arguments.corruptions).evaluate()
    columns = {f"{row} {probe}": of for row, probes in result["test"].items() for probe, of in probes.items()}
    cells = {name: {head: of[name] for head, of in columns.items()} for name in next(iter(columns.values()))}
    print(f"\n{results_table(cells, corner='test')}\n")
    print(
        f"Accuracy in percent on {result['images']} test images by probes of clean ones; of those with the texture of"
    )
    print(f"another class, shares that are told by shape and by texture. All is in {result['path']}")
    return 0


def compare(arguments: argparse.Namespace, overrides: list[str]) -> int:
    """Compares several recipes on the same data and seeds."""
    from gnnclr.train import Comparison, TrainingInterrupted

    _check_no_seed(overrides)
    configs = [os.path.expanduser(name.strip()) for name in arguments.configs.split(",") if name.strip()]
    comparison = Comparison(configs, overrides, arguments.out)
    try:
        table = comparison.evaluate(arguments.seeds, arguments.parallel, arguments.memory_limit)
    except (TrainingInterrupted, KeyboardInterrupt) as stop:
        return _stopped_at_work(stop, arguments)
    if is_rank_zero():
        print(f"\n{table}\n\n{comparison.legend(arguments.seeds)} All is in {comparison.folder}")
        _write_comparison_page(comparison.folder)
    return 0


def _stopped_at_work(stop: BaseException, arguments: argparse.Namespace) -> int:
    """Says how to go on after a stop of a training, or of processes that train."""
    at_once = arguments.parallel > 1 or arguments.memory_limit is not None
    if isinstance(stop, KeyboardInterrupt) and not at_once:  # before or after a training
        raise stop
    return stopped("\nStopped. The same command goes on where it was.")


def _write_comparison_page(folder: Path) -> None:
    from gnnclr.report import report_comparison

    try:
        print(f"The page with plots is {report_comparison(folder)}")
    except ModuleNotFoundError as error:
        print(f"There is no page with plots: {error}; install it with: pip install 'gnnclr[report]'")


def search(arguments: argparse.Namespace, overrides: list[str]) -> int:
    """Chooses settings of a recipe by validation."""
    from gnnclr.train import TrainingInterrupted
    from gnnclr.train.search import Search

    if arguments.config is None:
        raise ValueError("'search' needs --config NAME; `gnnclr list` shows the names")
    _check_no_seed(overrides)
    out = arguments.out or f"runs/{_name(arguments.config)}/search"
    search = Search(arguments.config, overrides, out, arguments.space, arguments.criterion)
    try:
        text = search.evaluate(arguments.budget, arguments.seeds, arguments.parallel, arguments.memory_limit)
    except (TrainingInterrupted, KeyboardInterrupt) as stop:
        return _stopped_at_work(stop, arguments)
    print(f"\n{text}\n\nAll is in {out}; train the winner with\n  gnnclr fit --config {Path(out, 'best.yaml')}")
    return 0


def _check_no_seed(overrides: list[str]) -> None:
    if any(override.startswith("--seed_everything") for override in overrides):
        raise ValueError(f"'--seed_everything' goes with fit; here seeds are 0 to N-1 of --seeds N (got {overrides})")


def embed(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Writes embeddings to a file."""
    from gnnclr.train.embedding import embed_run, write_arrays

    arrays = embed_run(arguments.run, images=arguments.images, graph=arguments.graph)
    rows, width = arrays["z"].shape
    print(f"{rows} embeddings of width {width} in {write_arrays(arrays, arguments.output)}: {', '.join(arrays)}")
    return 0


def few_shot(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Measures a run on few-shot episodes."""
    from gnnclr.eval import results_table
    from gnnclr.train.embedding import few_shot_episodes

    options = {name: getattr(arguments, name) for name in ("ways", "queries", "episodes", "seed")}
    table = few_shot_episodes(arguments.run, shots=arguments.shots, **options)
    cells = {
        row: {name: f"{100 * found.accuracy:.1f} ± {100 * found.interval:.1f}" for name, found in results.items()}
        for row, results in table.items()
    }
    file = Path(arguments.run) / "few_shot.json"
    print(f"\n{results_table(cells, corner=f'{arguments.ways} ways')}\n")
    print(f"Accuracy in percent and its 95 % interval over {arguments.episodes} episodes; see {file}")
    return 0


def export(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Writes a trained encoder of images for other programs."""
    from gnnclr.train import load
    from gnnclr.vision import export_backbone

    backbone = load(arguments.run)
    path = export_backbone(backbone, arguments.output, arguments.format)
    shape = f"[b, {backbone.square.channels}, {backbone.square.size}, {backbone.square.size}]"
    print(f"the encoder of {arguments.run} is in {path}, for images {shape} in [0, 1]")
    return 0


def report(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Writes a page about runs."""
    if os.path.isdir(arguments.output):
        raise ValueError(f"'--output' must be a file (got the folder {arguments.output!r})")
    from gnnclr.report import report_runs

    print(f"the report is {report_runs(arguments.runs, arguments.output)}")
    return 0


def demo(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Trains on embedded data and writes a report."""
    from gnnclr.report.demo import run_demo

    print(f"\n{run_demo(arguments.out, arguments.seed)}\n\nThe report is {Path(arguments.out) / 'report.html'}")
    return 0


def list_names(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Lists recipes, losses, layers or probes."""
    print(listing(arguments.what, arguments.names), flush=True)
    return 0


def _print_result(result: dict[str, Any]) -> None:
    from gnnclr.eval import results_table

    if result["test"]:
        print(f"\n{results_table(result['test'], corner='test')}")
        return
    print(f"\nHow the features lie:\n\n{results_table(result['geometry'], scale=1, digits=2)}")
