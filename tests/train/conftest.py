import pytest

from gnnclr.train import Run, parse_recipe

SMALL_DIGITS = [
    "--data.batch_size=128",
    "--data.size=8",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--model.method.projector.hidden_features=8",
    "--model.method.projector.out_features=8",
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=2",
    "--trainer.log_every_n_steps=2",
]
SMALL_GRAPH = ["--trainer.max_epochs=3", "--trainer.log_every_n_steps=1", "--trainer.accelerator=cpu"]


@pytest.fixture(autouse=True, scope="module")
def probed_quickly(quick_probes):
    """Runs are tested here, and not what they score."""


@pytest.fixture
def small_digits():
    return parse_recipe("simclr-digits", SMALL_DIGITS)


@pytest.fixture
def small_graph():
    return parse_recipe("grace-sbm", SMALL_GRAPH)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """The folder of a run on images, ``digits``, and one on a graph, ``graph``, which were trained for an epoch."""
    root = tmp_path_factory.mktemp("runs")
    short = ["--trainer.accelerator=cpu", "--trainer.max_epochs=1"]
    small = ["--model.method.encoder.widths=[4,8]", "--model.method.projector.in_features=8", "--data.batch_size=512"]
    Run(parse_recipe("simclr-digits", [*short, *small]), root / "digits").train()
    Run(parse_recipe("grace-sbm", short), root / "graph").train()
    return root
