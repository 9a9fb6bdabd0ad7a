import pytest
import torch
import torch.nn.functional as F
from contracts.vision import VisionMethodContract
from torch import nn

from gnnclr.eval.few_shot import few_shot
from gnnclr.losses import NTXentLoss
from gnnclr.nn.samp import SelfAttentionMessagePassing
from gnnclr.vision import BatchViews, SlimResNet, TensorLoader, digits
from gnnclr.vision.methods.samp_clr import SAMPCLR


def make(seed=0, size=8, views=3, **kwargs):
    torch.manual_seed(seed)
    encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
    augment = BatchViews(size, views=views, mean=0.5, std=0.5)
    return SAMPCLR(encoder, SelfAttentionMessagePassing(16, heads=2), augment, **kwargs)


class TestSAMPCLR(VisionMethodContract):
    logs = {"feature_loss", "graph_loss", "alignment", "uniformity"}
    make = staticmethod(make)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return {"image": torch.randint(0, 256, (6, 1, 8, 8), dtype=torch.uint8, generator=generator)}


def literal(z, views, temperature):
    """The loss view by view, as the formula says."""
    total = 0.0
    for view in views:
        for i, query in enumerate(view):
            total = total - torch.log_softmax(-(query - z).square().sum(dim=1) / temperature, dim=0)[i]
    return total / (len(views) * len(z))


def test_loss_equals_the_formula(batch):
    method = make()
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(batch)
    method = make()
    torch.manual_seed(1)
    images = torch.cat([method.views.plain(batch["image"]), *method.views(batch["image"])])
    assert len(images) == 6 * (1 + 3)
    x = method.encoder(images)
    z = F.normalize(method.gnn(x), dim=1)
    (first, *features), (node, *nodes) = x.split(6), z.split(6)
    parts = literal(first, features, 0.2239), literal(node, nodes, 0.2239)
    torch.testing.assert_close(loss, 0.69 * parts[0] + parts[1])
    torch.testing.assert_close(logs["feature_loss"], parts[0].detach())
    torch.testing.assert_close(logs["graph_loss"], parts[1].detach())
    torch.testing.assert_close(logs["alignment"], (node - nodes[0]).square().sum(dim=1).mean().detach())
    assert set(logs) == {"feature_loss", "graph_loss", "alignment", "uniformity"}
    assert not any(value.requires_grad for value in logs.values())


def test_all_parameters_learn(batch):
    method = make()
    method.training_step_loss(batch)[0].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.parameters())


def test_parts_can_be_replaced(batch):
    losses = []
    for kwargs in ({}, {"feature_weight": 2.0}, {"loss": NTXentLoss()}, {"feature_loss": NTXentLoss()}):
        method = make(**kwargs)
        torch.manual_seed(1)
        losses.append(float(method.training_step_loss(batch)[0].detach()))
    assert len(set(losses)) == 4


def test_features_are_of_one_image(batch):
    method = make().eval()
    features = method(batch["image"])
    assert features.shape == (6, 16)
    torch.testing.assert_close(features[:2], method(batch["image"][:2]))
    torch.testing.assert_close(features, method.encoder((batch["image"].float() / 255 - 0.5) / 0.5))


def test_maps_are_flattened(batch):
    method = make()
    method.encoder, method.gnn = nn.Conv2d(1, 2, 3), SelfAttentionMessagePassing(72)
    method.training_step_loss(batch)[0].backward()
    assert method(batch["image"]).shape == (6, 72)


def test_wrong_arguments(batch):
    with pytest.raises(ValueError, match=r"'views' must have the size \[8, 8\] of the images \(got \[6, 6\]\)"):
        make(size=6).training_step_loss(batch)
    with pytest.raises(ValueError, match="'feature_weight' must be a positive number"):
        make(feature_weight=0)


def test_bfloat16(batch):
    method = make()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = method.training_step_loss(batch)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in method.parameters())


def test_learns():
    data, method = digits(), make()
    optimizer = torch.optim.Adam(method.parameters(), 2e-3)
    losses = []
    for _ in range(3):
        for batch in TensorLoader(data.unlabeled, batch_size=128):
            loss, _ = method.training_step_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    assert sum(losses[-5:]) / 5 < 0.8 * losses[0]
    with torch.no_grad():
        x = method.eval()(data.test.images)
    result = few_shot(x, data.test.labels, shots=5, episodes=100, transform=method.gnn.adapt)
    assert result.accuracy > 0.5
