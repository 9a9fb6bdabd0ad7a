"""Runs that are made once for all tests of reports."""

import shutil

import pytest
from probes import make_quick

from gnnclr.report.find_runs import find_runs
from gnnclr.report.run_group import group_runs
from gnnclr.train import Comparison, Run, parse_recipe

DIGITS = [
    "--data.batch_size=128",
    "--data.limit=128",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--model.method.projector.hidden_features=8",
    "--model.method.projector.out_features=8",
    "--model.method.rewire.bank.dim=8",
    "--model.method.rewire.bank.size=32",
    "--trainer.max_epochs=2",
]
GRAPH = ["--data.dataset=sbm", "--trainer.max_epochs=2"]
BOTH = ["--trainer.accelerator=cpu", "--trainer.log_every_n_steps=1"]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with a run on digits, ``simclr-knn``, and two recipes over two seeds on a graph, ``compared``."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch)
        Run(parse_recipe("simclr-knn-digits", [*DIGITS, *BOTH]), folder / "simclr-knn" / "1").fit()
        Comparison(["grace", "dgi"], [*GRAPH, *BOTH], folder / "compared").evaluate(2)
    return folder


@pytest.fixture
def digits(made):
    """The folder of the run on digits."""
    return made / "simclr-knn" / "1"


@pytest.fixture
def compared(made):
    """The folder of two recipes over two seeds on a graph."""
    return made / "compared"


@pytest.fixture
def gone(compared, tmp_path):
    """A run whose data are gone."""
    folder = shutil.copytree(compared / "grace" / "seed-0", tmp_path / "gone")
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("dataset: sbm", "dataset: /nowhere/graph.pt"))
    return folder


@pytest.fixture
def unfinished(compared, tmp_path):
    """A run that was killed before its first checkpoint, while it wrote a line of metrics."""
    folder = shutil.copytree(compared / "grace" / "seed-0", tmp_path / "unfinished")
    (folder / "metrics.json").unlink()
    shutil.rmtree(folder / "checkpoints")
    lines = (folder / "metrics.csv").read_text().splitlines()
    (folder / "metrics.csv").write_text("\n".join([*lines[:2], lines[2][:5]]))
    return folder


@pytest.fixture(autouse=True)
def in_one_thread(one_thread):
    """Small figures and steps gain nothing from several threads."""


@pytest.fixture(scope="session")
def on_digits(made):
    """The run on digits as a report has it, with its data."""
    (group,) = group_runs(find_runs([made / "simclr-knn"]))
    return group


@pytest.fixture(scope="session")
def on_graph(made):
    """GRACE on a graph as a report has it, with its data."""
    (group,) = group_runs(find_runs([made / "compared" / "grace"]))
    return group
