import copy

import pytest
import torch

from gnnclr.dynamics import meta_train
from gnnclr.graph import augmentation_graph
from gnnclr.losses import NTXentLoss
from gnnclr.nn import LearnedUpdate


def batch(step, n=6, d=4):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(n, d, generator=generator)
    return augmentation_graph([x, x + torch.randn(n, d, generator=generator)])


def energy(layer, graph, rounds):
    with torch.no_grad():
        return float(NTXentLoss(0.5)(layer.unroll(graph.x, graph, rounds)[-1], graph))


def test_a_learned_update_is_better_than_the_one_it_began_with_on_other_batches():
    torch.manual_seed(0)
    layer = LearnedUpdate(0.5)
    before = copy.deepcopy(layer)
    history = meta_train(layer, batch, NTXentLoss(0.5), steps=24, rounds=3, learning_rate=0.01)
    assert len(history) == 24 and sum(history[-8:]) < sum(history[:8])
    for n, d in ((6, 4), (20, 3)):
        graphs = [batch(1000 + k, n, d) for k in range(3)]
        assert sum(energy(layer, g, 3) for g in graphs) < sum(energy(before, g, 3) for g in graphs)


def test_the_first_step_is_that_of_the_literal_loss():
    torch.manual_seed(0)
    layer, graph = LearnedUpdate(0.5), batch(0)
    zs = layer.unroll(graph.x, graph, 3)[1:]
    expected = sum(float(NTXentLoss(0.5)(z, graph)) for z in zs) / 3
    assert meta_train(layer, batch, NTXentLoss(0.5), steps=1, rounds=3) == pytest.approx([expected])


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'update' must be a LearnedUpdate"):
        meta_train(torch.nn.Linear(2, 2), batch, NTXentLoss())
    with pytest.raises(ValueError, match="'steps' must be a positive integer"):
        meta_train(LearnedUpdate(), batch, NTXentLoss(), steps=0)
    with pytest.raises(ValueError, match="'learning_rate' must be a positive number"):
        meta_train(LearnedUpdate(), batch, NTXentLoss(), learning_rate=-1)
