import contextlib
import copy

import pytest
import torch

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.graph.shared_structure import shared_structure
from gnnclr.losses import DCLLoss, InfoNCELoss, NTXentLoss, SupConLoss


def test_sizes_are_remembered_and_handed_out_as_copies():
    calls = []

    @shared_structure
    def count(n):
        calls.append(n)
        return torch.arange(n), torch.zeros(n)

    first = count(3)
    assert all(map(torch.equal, count(3), first)) and calls == [3]
    assert count(4)[0].numel() == 4 and count(3)[0].data_ptr() != first[0].data_ptr() and calls == [3, 4]
    first[1].data.add_(1)
    assert count(3)[1].sum() == 0 and calls == [3, 4]


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


def spoil_in_inference_mode(x):
    with torch.inference_mode():
        x.zero_()


SPOIL = {
    "in place": lambda x: x.zero_(),
    "data": lambda x: x.data.zero_(),
    "numpy": lambda x: x.numpy().fill(0),
    "detach": lambda x: x.detach().view(-1).zero_(),
    "inference mode": spoil_in_inference_mode,
}
BUILD = {
    "views": lambda z: augmentation_graph(list(z)),
    "labels": lambda z: augmentation_graph(list(z), torch.arange(len(z[0])) // 2, edges=False),
    "loss": lambda z: NTXentLoss(0.2).graph(*z),
    "copy": lambda z: copy.copy(NTXentLoss(0.2).graph(*z)),
    "deepcopy": lambda z: copy.deepcopy(NTXentLoss(0.2).graph(*z)),
    "queries": lambda z: InfoNCELoss(0.2).graph(*z),
}


@pytest.mark.parametrize("build", BUILD)
@pytest.mark.parametrize("spoil", SPOIL)
def test_nobody_can_write_into_what_graphs_of_one_size_share(spoil, build):
    """Neither before anything is derived from it, nor after."""
    for used in (False, True):
        z = torch.randn(2, 7 + used, 3)
        graph = BUILD[build](z)
        if used:
            expected = [loss(*z) for loss in (NTXentLoss(0.2), InfoNCELoss(0.2), DCLLoss(0.2), SupConLoss(0.2))]
            NTXentLoss(0.2)(graph.x, graph)
        for name in ("edge_index", "sample", "view", "group", "anchor"):
            if graph.get(name) is not None:
                SPOIL[spoil](graph[name])
        if not used:  # what is derived now must not come from the spoiled one
            with contextlib.suppress(ValueError):
                NTXentLoss(0.2)(graph.x, graph)
            fresh = BUILD[build](z)
            parts = {name: x.clone() for name, x in fresh.to_dict().items() if isinstance(x, torch.Tensor)}
            alone = ContrastGraph(**parts, negatives=fresh.negatives)
            assert torch.equal(NTXentLoss(0.2)(z.flatten(0, 1), fresh), NTXentLoss(0.2)(z.flatten(0, 1), alone))
        else:
            losses = NTXentLoss(0.2), InfoNCELoss(0.2), DCLLoss(0.2), SupConLoss(0.2)
            assert all(torch.equal(loss(*z), value) for loss, value in zip(losses, expected))


def test_a_loss_after_someone_wrote_into_its_graph():
    loss, (q, k) = InfoNCELoss(0.2), torch.randn(2, 6, 4)
    expected = loss(q, k)
    graph = loss.graph(q, k)
    graph.anchor[:3] = False
    assert loss(graph.x, graph) != expected
    assert torch.equal(loss(q, k), expected)
