import torch

from gnnclr.graph import AddKNNPositives, augmentation_graph
from gnnclr.report.run_group import RunGroup
from gnnclr.report.sections.batch import batch_section, shown_nodes


def test_samples_are_shown_with_their_positives():
    torch.manual_seed(0)
    graph = AddKNNPositives(k=1)(augmentation_graph(list(torch.randn(2, 100, 8))))
    nodes = shown_nodes(graph)
    samples = graph.sample[nodes].unique()
    assert len(samples) == 20 and len(nodes) == 40, "all views of each sample"
    source, target = graph.sample[graph.edge_index]
    inside = torch.isin(source, samples) & torch.isin(target, samples) & (source != target)
    assert inside.sum() >= 10


def test_many_views_are_of_fewer_samples():
    assert len(shown_nodes(augmentation_graph(list(torch.randn(16, 50, 4))))) == 160
    assert len(shown_nodes(augmentation_graph(list(torch.randn(2, 3, 4))))) == 6


def test_pictures_of_recipes_and_what_is_missing(on_graph, unfinished):
    from gnnclr.train import Run

    section = batch_section([on_graph, RunGroup("stopped", [Run.open(unfinished)])])
    ((figure, caption),) = section.figures
    assert caption == "grace: 20 of 600 samples."
    assert len(figure.axes[0].collections[0].get_offsets()) == 40
    assert section.notes == [f"Missing of stopped: {unfinished} has no checkpoint checkpoints/last.ckpt"]
