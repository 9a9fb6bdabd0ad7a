import pytest
import torch
from probes import make_quick

from gnnclr.report import report_runs
from gnnclr.report.find_runs import find_runs
from gnnclr.report.run_group import group_runs
from gnnclr.report.sections import data_graph
from gnnclr.report.sections.data_graph import data_graph_section, neighbors_of, shown_examples
from gnnclr.train import Run, parse_recipe

SMALL = [
    "--data.batch_size=64",
    "--data.limit=128",
    "--data.neighbors.k=4",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--model.method.projector.hidden_features=8",
    "--model.method.projector.out_features=8",
    "--trainer.max_epochs=1",
    "--trainer.accelerator=cpu",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("global")
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch)
        Run(parse_recipe("simclr-knn-global-digits", SMALL), folder / "simclr-knn-global" / "1").fit()
        late = ["--data.neighbors.start=5"]
        Run(parse_recipe("simclr-knn-global-digits", [*SMALL, *late]), folder / "late" / "1").fit()
    return folder


@pytest.fixture
def group(folder):
    (group,) = group_runs(find_runs([folder / "simclr-knn-global"]))
    return group


def test_the_graph_is_that_of_the_checkpoint(group, monkeypatch):
    monkeypatch.setattr(data_graph, "MOST", 100)
    section = data_graph_section([group], "pca")
    neighbor, labels = neighbors_of(group).neighbor, group.loaded.data.training_labels()
    assert neighbor.shape == (128, 4) and not section.notes
    shown = set(shown_examples(neighbor, 100).tolist())
    edges = [(int(i), j) for j in range(128) for i in neighbor[j]]
    inside = [(i, j) for i, j in edges if i in shown and j in shown]
    share = sum(int(labels[i]) == int(labels[j]) for i, j in edges) / len(edges)
    (figure, caption), (degrees, hubs) = section.figures
    assert caption.startswith(
        f"{group.name}: 100 of 128 examples with {len(inside)} of 512 edges; {100 * share:.1f} % of all edges"
    )
    other, same = figure.axes[0].collections[:2]
    within = sum(int(labels[i]) == int(labels[j]) for i, j in inside)
    assert len(same.get_segments()) == within and len(other.get_segments()) == len(inside) - within
    assert len(figure.axes[0].collections[2].get_offsets()) == 100
    count = [sum(i == k for i, _ in edges) for k in range(128)]
    assert (
        f"the largest hub is one of {max(count)}." in hubs and f"{100 * count.count(0) / 128:.1f} % of examples" in hubs
    )
    assert sum(bar.get_height() for bar in degrees.axes[0].patches) == 128


def test_shown_examples_come_with_their_neighbors():
    neighbor = (torch.arange(50).unsqueeze(1) + torch.tensor([1, 2, -60])) % 50
    neighbor[7, 1] = -1
    shown = shown_examples(neighbor, 12)
    assert len(shown.unique()) == 12 and torch.equal(shown, shown.sort().values)
    first = int(torch.randperm(50, generator=torch.Generator().manual_seed(0))[0])
    assert {first, *(i for i in neighbor[first].tolist() if i >= 0)} <= set(shown.tolist())
    assert torch.equal(shown_examples(neighbor, 50), torch.arange(50))


def test_other_runs_have_no_such_section(on_digits, on_graph, group):
    assert data_graph_section([on_digits]) is None and data_graph_section([on_graph]) is None
    assert len(data_graph_section([on_digits, group], "pca").figures) == 2


def test_neighbors_that_are_not_there_are_missed_by_name(folder, tmp_path):
    (late,) = group_runs(find_runs([folder / "late"]))
    section = data_graph_section([late], "pca")
    assert section.notes == [f"Missing of {late.name}: its neighbors begin with epoch 5, and it has not come so far"]
    assert not section.figures and not section.text


def test_a_report_has_it(folder, tmp_path):
    page = report_runs([folder / "simclr-knn-global"], tmp_path / "report.html", projection="pca").read_text()
    assert "<h2>The data set is a graph</h2>" in page and "% of all edges join examples of a class" in page
