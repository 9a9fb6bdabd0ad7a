import pytest
import torch
from contracts.loss import LossContract, make_views, relative, unit
from torch import nn

from gnnclr.graph import AddKNNPositives, augmentation_graph
from gnnclr.losses import (
    BarlowTwinsLoss,
    CLIPLoss,
    GraphLoss,
    NTXentLoss,
    RandomWalkLaplacianLoss,
    ReSCLoss,
    SupConLoss,
)
from gnnclr.losses.jumping import JumpingKnowledgeLoss

ROUNDS, STEP = 3, 0.03


def nt_xent(z, temperature):
    """NT-Xent of stacked views of unit length, two or more, each positive alone in its denominator."""
    n = len(z) // nt_xent.views
    total, count = 0.0, 0
    s = z @ z.t() / temperature
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j % n != i % n]
        for p in range(i % n, len(z), n):
            if p != i:
                total, count = total + torch.log1p((s[i, others] - s[i, p]).exp().sum()), count + 1
    return total / count


class TestJumpingKnowledgeLoss(LossContract):
    num_views = (2, 3)
    temperatures = (1.0, 0.1)
    impls = ("auto",)
    bank = "rows"  # which do not move
    conservative = False
    learnable = False  # the temperature of the rounds is constant
    memory_arguments = ()  # each round has the layer of the loss inside, whose memory is measured
    test_card_and_repr = None
    test_message_is_minus_gradient = None

    def make(self, temperature=0.5, impl="auto", **kwargs):
        return JumpingKnowledgeLoss(NTXentLoss(temperature, impl=impl), ROUNDS, STEP, **kwargs)

    def reference(self, views, temperature):
        nt_xent.views = len(views)
        start, out = unit(torch.cat(views)), []
        for _ in range(ROUNDS):
            leaf = start.detach().requires_grad_()
            (grad,) = torch.autograd.grad(nt_xent(leaf, temperature), leaf)
            out.append(start - STEP * len(start) * grad)
            start = unit(out[-1])
        return nt_xent(unit(sum(out)), temperature)


def test_rewired_graphs_train_an_encoder_and_the_read_out():
    torch.manual_seed(0)
    encoder, views = nn.Linear(32, 8), make_views(24, noise=0.5)
    loss = JumpingKnowledgeLoss(NTXentLoss(0.2), 2, mode="lstm", channels=8)
    optimizer = torch.optim.Adam([*encoder.parameters(), *loss.parameters()], 0.02)
    before = {name: p.detach().clone() for name, p in loss.named_parameters()}
    values = []
    for _ in range(15):
        x = encoder(torch.cat(views))
        value = loss(x, AddKNNPositives(k=2)(augmentation_graph(list(x.split(24)))))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.7 * values[0]
    moved = [name for name, p in loss.named_parameters() if (p - before[name]).abs().max() > 1e-3]
    assert {name.rsplit(".", 1)[-1] for name in moved} >= {"weight_ih_l0", "weight_hh_l0", "weight"}


def test_one_round_to_a_target_has_the_gradient_of_the_loss():
    views = [v.double().requires_grad_() for v in make_views(7)]
    jump = JumpingKnowledgeLoss(NTXentLoss(0.2), rounds=1, stop_gradient="target")
    for got, expected in zip(*(torch.autograd.grad(loss(*views), views) for loss in (jump, NTXentLoss(0.2)))):
        assert relative(got, expected) < 1e-12


def test_arguments_reach_the_graph_of_the_loss():
    views, labels = make_views(7, views=1), torch.tensor([0, 1, 0, 1, 2, 2, 2])
    value = JumpingKnowledgeLoss(SupConLoss(0.2), rounds=1, step_size=1e-9, mode="last")(*views, labels=labels)
    torch.testing.assert_close(value, SupConLoss(0.2)(*views, labels=labels))


def test_what_the_loss_makes_of_the_energy_and_of_a_bank_stays():
    """A sum over anchors, and centroids that are no unit vectors."""
    tiny = {"rounds": 1, "step_size": 1e-9, "mode": "last"}
    views, community = make_views(7), torch.tensor([0, 1, 0, 1, 2, 2, 2])
    loss = RandomWalkLaplacianLoss(0.4, "mean")
    torch.testing.assert_close(JumpingKnowledgeLoss(loss, **tiny)(*views), loss(*views))
    loss = ReSCLoss(0.4)
    value = JumpingKnowledgeLoss(loss, **tiny)(*views, community=community)
    torch.testing.assert_close(value, loss(*views, community=community))


def test_wrong_arguments_and_repr():
    with pytest.raises(ValueError, match="'loss' must have the reduction 'mean'"):
        JumpingKnowledgeLoss(RandomWalkLaplacianLoss())
    with pytest.raises(ValueError, match="'loss' must have one layer for all rounds"):
        JumpingKnowledgeLoss(CLIPLoss())
    with pytest.raises(ValueError, match="'loss' must compare rows of unit length"):
        JumpingKnowledgeLoss(BarlowTwinsLoss())
    with pytest.raises(ValueError, match="'loss' must be the energy of a layer"):
        JumpingKnowledgeLoss(nn.MSELoss())
    assert "rounds=3" in str(JumpingKnowledgeLoss()) and isinstance(JumpingKnowledgeLoss(), GraphLoss)


def test_named_in_a_recipe():
    jsonargparse = pytest.importorskip("jsonargparse")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--loss", type=nn.Module)
    text = """
loss:
  class_path: gnnclr.losses.jumping.JumpingKnowledgeLoss
  init_args:
    loss: {class_path: gnnclr.losses.NTXentLoss, init_args: {temperature: 0.2}}
    rounds: 2
    mode: lstm
    channels: 8
"""
    loss = parser.instantiate(parser.parse_string(text)).loss
    assert loss.conv.rounds == 2 and float(loss.conv.temperature) == 0.2
    assert loss(*make_views(5, 8)).isfinite()
