import pytest
import torch

from gnnclr.graph import augmentation_graph
from gnnclr.graph.shared_structure import shared_structure
from gnnclr.losses import InfoNCELoss, NTXentLoss


def test_sizes_are_remembered_and_spoiled_tensors_made_anew():
    calls = []

    @shared_structure
    def count(n):
        calls.append(n)
        return torch.arange(n), torch.zeros(n)

    first = count(3)
    assert count(3) is first and calls == [3]
    assert count(4)[0].numel() == 4 and count(3) is first
    first[1].add_(1)
    assert count(3)[1].sum() == 0 and calls == [3, 4, 3]


def test_made_in_inference_mode_it_trains_afterwards():
    @shared_structure
    def zeros(n):
        return (torch.zeros(n),)

    with torch.inference_mode():
        (x,) = zeros(3)
    assert not x.is_inference()


@pytest.mark.parametrize("kind", [InfoNCELoss, NTXentLoss])
def test_compiled_losses_are_the_same(kind):
    loss, views = kind(0.2), torch.randn(2, 6, 4)
    compiled = torch.compile(loss, backend="eager")
    for shift in (0, 1):
        torch.testing.assert_close(compiled(*(views + shift)), loss(*(views + shift)))


def test_graphs_of_one_size_share_their_structure():
    views = torch.randn(2, 5, 3)
    for build in (augmentation_graph, lambda pair: InfoNCELoss().graph(*pair)):
        one, other = build(list(views)), build(list(views + 1))
        assert one.edge_index is other.edge_index and one.view is other.view
        expected = one.edge_index.clone()
        one.edge_index.zero_()
        assert torch.equal(build(list(views)).edge_index, expected)


def test_a_loss_after_someone_wrote_into_its_graph():
    loss, (q, k) = InfoNCELoss(0.2), torch.randn(2, 6, 4)
    expected = loss(q, k)
    graph = loss.graph(q, k)
    graph.anchor[:3] = False
    assert loss(graph.x, graph) != expected
    assert torch.equal(loss(q, k), expected)
