"""The demonstration: contrastive training on images and on a graph, in a minute or two, with a report."""

import platform
from collections.abc import Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from gnnclr.eval import results_table
from gnnclr.graph import AddKNNPositives, augmentation_graph
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.report.batch_graph import draw_batch_graph
from gnnclr.report.dynamics import plot_dynamics
from gnnclr.report.embedding import scatter_embedding
from gnnclr.report.page import Section, write_report
from gnnclr.train import ImageData, Run, parse_recipe

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
    table = results_table(rows, corner="test accuracy")
    cells = {name: {column: f"{100 * value:.1f}" for column, value in row.items()} for name, row in rows.items()}
    sections = [
        Section(
            "Results",
            "Test accuracy in percent of a linear and of a kNN probe on frozen features. Probes choose their settings "
            "on validation data and look at the test data once. A²X are features averaged over two hops, "
            "without training.",
            table=cells,
        ),
        _batch_section(runs["images"]),
        _embedding_section(runs),
        _dynamics_section(runs),
        _settings_section(runs),
    ]
    version = runs["images"][PLAIN].result["versions"]
    footer = " · ".join(
        [*(f"{name} {value}" for name, value in version.items()), platform.machine(), f"{date.today()}"]
    )
    write_report(out / "report.html", "Contrastive learning as message passing", LEAD, sections, footer)
    return table


def _rows(test: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for kind, group in test.items():
        shared = {name: probes for name, probes in group[PLAIN].items() if name != "trained"}
        for name, probes in (shared | {label: result["trained"] for label, result in group.items()}).items():
            rows.setdefault(name, {}).update({f"{kind}, {probe}": value for probe, value in probes.items()})
    order = ["raw", "A²X", "untrained", PLAIN, KNN]
    return {name: rows[name] for name in order if name in rows}


def _batch_section(runs: Mapping[str, Run]) -> Section:
    _, method, data, _ = runs[KNN].load()
    assert isinstance(data, ImageData)
    torch.manual_seed(0)
    rows = torch.randperm(len(data.images.train.labels))[:20]
    batch, labels = data.images.train.images[rows], data.images.train.labels[rows]
    with torch.no_grad(), eval_mode(method):
        views = method.views(batch)
        z = [unit_rows(method.projector(method.encoder(view))) for view in views]
    graph = AddKNNPositives(k=1)(augmentation_graph(z))
    temperature = float(getattr(method.loss, "conv", None).temperature)
    figure = draw_batch_graph(graph, labels.repeat(len(z)), _pictures(views), temperature)
    return Section(
        "One batch is a graph",
        "Nodes are two views each of twenty digits, placed by their trained embeddings, with a frame in the color of "
        "their class. Solid edges join the views of a sample. Dashed edges join nearest neighbors of different "
        "samples, which the rewiring makes positives. The pairs that repel most strongly are drawn in red.",
        figures=[(figure, "")],
    )


def _pictures(views: list[torch.Tensor]) -> torch.Tensor:
    x = torch.cat(views)
    return (x - x.amin()) / (x.amax() - x.amin())


def _embedding_section(runs: Mapping[str, Mapping[str, Run]]) -> Section:
    figures = []
    for kind, caption in (("images", "Digits, all images."), ("graph", "Nodes of the generated graph.")):
        panels, labels = {}, None
        for label, run in runs[kind].items():
            untrained, trained, data, _ = run.load()
            panels.setdefault("untrained", data.embed(untrained))
            panels[label], labels = data.embed(trained), data.labels
        figures.append((scatter_embedding(panels, labels), caption))
    text = "t-SNE by the cosine distance, colored by class. Labels were not used in training."
    return Section("Before and after", text, figures=figures)


def _dynamics_section(runs: Mapping[str, Mapping[str, Run]]) -> Section:
    text = (
        "Alignment is the mean squared distance of the two views of a sample, uniformity the logarithm of the mean "
        "Gaussian potential of all pairs; lower is better for both. Training trades one against the other."
    )
    captions = {"images": "Digits.", "graph": "Generated graph."}
    figures = [
        (plot_dynamics({label: run.folder / "metrics.csv" for label, run in runs[kind].items()}), caption)
        for kind, caption in captions.items()
    ]
    return Section("Alignment and uniformity over time", text, figures=figures)


def _settings_section(runs: Mapping[str, Mapping[str, Run]]) -> Section:
    group = [run for kind in runs.values() for run in kind.values()]
    table = {
        run.name: {"steps": f"{run.result['steps']} steps", "time": f"{run.result['seconds']:.0f} s"} for run in group
    }
    text = "The recipes are part of the package; gnnclr fit --config NAME repeats a run. Times include the probes."
    return Section("Settings", text, table=table, details={run.name: run.settings() for run in group})
