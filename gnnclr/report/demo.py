"""The demonstration: contrastive training on images and on a graph, in a minute or two, with a report."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from gnnclr.eval import results_table
from gnnclr.report.run_report import report_runs
from gnnclr.train import Run, parse_recipe

PLAIN, KNN = "NT-Xent", "NT-Xent + kNN positives"
RECIPES = {
    "images": {PLAIN: "simclr-digits", KNN: "simclr-knn-digits"},
    "graph": {PLAIN: "grace-sbm", KNN: "grace-knn-sbm"},
}
LEAD = (
    "A contrastive batch is a graph: views of one sample attract each other, all others repel, and one gradient step "
    "is one round of message passing. Here that graph is trained as it is, and rewired with nearest neighbors as "
    "further positives, on handwritten digits at random places of a canvas and on a generated graph of communities."
)


def run_demo(out: str | Path = ".", seed: int = 0, overrides: Mapping[str, list[str]] | None = None) -> str:
    """Trains four small recipes, writes ``report.html`` and returns the table of results.

    Args:
        out (str or Path, optional): The folder of ``report.html`` and of the runs. (default: ``"."``)
        seed (int, optional): The seed of all runs. (default: ``0``)
        overrides (dict, optional): Command line arguments for recipes, by name, such as
            ``{"grace-sbm": ["--trainer.max_epochs=10"]}``. (default: none)

    Returns:
        str: Test accuracies as a Markdown table.
    """
    import_module("matplotlib")  # missing, it should be missed before the training
    out = Path(out)
    runs: dict[str, dict[str, Run]] = {}
    for kind, recipes in RECIPES.items():
        for label, name in recipes.items():
            arguments = [f"--seed_everything={seed}", "--trainer.accelerator=cpu", *(overrides or {}).get(name, [])]
            run = Run(parse_recipe(name, arguments), out / "runs" / "demo" / name, name)
            run.fit()
            runs.setdefault(kind, {})[label] = run
    rows = _rows({kind: {label: run.result["test"] for label, run in group.items()} for kind, group in runs.items()})
    folders = [run.folder for group in runs.values() for run in group.values()]
    report_runs(folders, out / "report.html", "Contrastive learning as message passing", LEAD)
    return results_table(rows, corner="test accuracy")


def _rows(test: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for kind, group in test.items():
        shared = {name: probes for name, probes in group[PLAIN].items() if name != "trained"}
        for name, probes in (shared | {label: result["trained"] for label, result in group.items()}).items():
            rows.setdefault(name, {}).update({f"{kind}, {probe}": value for probe, value in probes.items()})
    order = ["raw", "A²X", "untrained", PLAIN, KNN]
    return {name: rows[name] for name in order if name in rows}
