"""Every objective of the package trains an encoder of images."""

import pytest
import torch
from contracts.discovery import by_kind
from contracts.loss import LossContract
from torch import nn

from gnnclr.losses import GraphLoss
from gnnclr.vision import BatchViews, MLPHead, SlimResNet, TensorLoader, digits

#: The test class of each objective, which says what is special about it; losses made of another loss have no card.
OBJECTIVES = {kind: tests[0] for kind, tests in by_kind("losses", LossContract).items() if kind.card is not None}


def label(value):
    return value.__name__


class Network(nn.Module):
    """A tiny encoder, its projector, a predictor where one is asked for, and the loss with what it learns."""

    def __init__(self, loss: GraphLoss, predictor: bool):
        super().__init__()
        self.encoder = SlimResNet((4, 8), in_channels=1)
        self.projector = MLPHead(8, 16, 8)
        self.predictor = MLPHead(8, 8, 8) if predictor else None
        self.loss = loss

    def forward(self, views: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        z = self.projector(self.encoder(torch.cat(views))).chunk(len(views))
        if self.predictor is not None:
            p = self.predictor(torch.cat(z)).chunk(2)
            return (self.loss(p[0], z[1]) + self.loss(p[1], z[0])) / 2
        return self.loss(*z, **dict.fromkeys(OBJECTIVES[type(self.loss)]().joined_arguments(), labels))


@pytest.fixture(scope="module")
def data():
    return digits().train


@pytest.mark.parametrize("kind", OBJECTIVES, ids=label)
def test_one_epoch_on_digits(kind, data):
    torch.manual_seed(0)
    loss = kind()
    network = Network(loss, OBJECTIVES[kind].predicts)
    augment = BatchViews(8, views=getattr(loss, "num_views", 2), mean=0.5, std=0.5)
    before = {key: value.clone() for key, value in network.named_parameters()}
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    for batch in TensorLoader(data.images, data.labels, batch_size=256):
        loss = network(augment(batch["image"]), batch["label"])
        assert loss.dim() == 0 and loss.isfinite()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
        optimizer.step()
    # A gradient moves each entry by about the learning rate a step; weight decay moves it by far less.
    for key, value in network.named_parameters():
        if not OBJECTIVES[kind].shift_invariant or key != "projector.layers.3.bias":
            assert (value - before[key]).abs().max() > 1e-3, f"{key} did not learn"


@pytest.mark.parametrize("kind", [kind for kind, case in OBJECTIVES.items() if case.conservative], ids=label)
def test_a_step_along_the_gradient_lowers_the_loss(kind, data):
    torch.manual_seed(0)
    network = Network(kind(), predictor=False).double()
    views = [view.double() for view in BatchViews(8, mean=0.5, std=0.5)(data.images[:64])]
    before = network(views, data.labels[:64])
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(before, parameters)
    norm = sum(g.square().sum() for g in gradients)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients):
            parameter.sub_(gradient, alpha=1e-6 / float(norm.sqrt()))
        after = network(views, data.labels[:64])
    assert after < before
