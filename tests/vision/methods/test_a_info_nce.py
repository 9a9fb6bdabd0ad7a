import pytest
import torch
from contracts.vision import VisionMethodContract
from jsonargparse import ArgumentParser
from torch import nn

from gnnclr.losses import AsymmetricInfoNCELoss, NTXentLoss
from gnnclr.vision import BatchViews, GaussianBlur, MLPHead, RandomAffine, SlimResNet, Views
from gnnclr.vision.methods.a_info_nce import AInfoNCE
from gnnclr.vision.methods.adversarial import PGDAttack, frozen_statistics


def make(seed=0, **kwargs):
    torch.manual_seed(seed)
    encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
    views = kwargs.pop("views", None) or BatchViews(8, mean=0.4, std=0.3)
    return AInfoNCE(encoder, MLPHead(16, 16, 8), views, **{"attack": PGDAttack(steps=2), **kwargs})


class TestAInfoNCE(VisionMethodContract):
    logs = {"alignment", "uniformity", "adversarial_alignment"}
    not_finite = r"'images' must lie in \[0, 1\] \(got nan to nan\)"  # as the attack is bounded
    make = staticmethod(make)


@pytest.fixture
def batch():
    image = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {"image": image, "index": torch.arange(30, 42)}


def embed(method, *views):
    return method.projector(method.encoder(torch.cat(views))).split(len(views[0]))


def one_way(a, b, temperature):
    """InfoNCE of anchors ``a``, with ``b`` held constant."""
    a, b = nn.functional.normalize(a, dim=1), nn.functional.normalize(b, dim=1).detach()
    return nn.functional.cross_entropy(a @ b.t() / temperature, torch.arange(len(a)))


def test_defaults_are_those_of_the_papers():
    method = AInfoNCE(nn.Identity(), nn.Identity(), BatchViews(8))
    assert (method.attack.eps, method.attack.steps, method.attack.norm) == (8 / 255, 7, "linf")
    assert isinstance(method.loss, AsymmetricInfoNCELoss)
    assert method.loss.conv.weights[0, 2] == (0.2, 1.0) and float(method.loss.conv.temperature) == 0.5


def test_gradients_flow_through_the_anchors_only(batch):
    method = make()
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(batch)
    loss.backward()
    grads = [p.grad for p in method.parameters()]

    method = make()
    torch.manual_seed(1)
    clean = method.views(batch["image"])
    z0, z1, z = embed(method, *clean, method.adversarial_view(clean))
    expected = one_way(z0, z1, 0.5) + one_way(z1, z0, 0.5)
    expected = expected + 0.2 * (one_way(z0, z, 0.5) + one_way(z1, z, 0.5))
    expected = (expected + 0.8 * (one_way(z, z0, 0.5) + one_way(z, z1, 0.5))) / 3
    torch.testing.assert_close(loss, expected)
    expected.backward()
    for grad, parameter in zip(grads, method.parameters()):
        torch.testing.assert_close(grad, parameter.grad, atol=1e-5, rtol=1e-3)
        assert grad.isfinite().all()
    assert set(logs) == {"alignment", "uniformity", "adversarial_alignment"}
    assert not any(value.requires_grad for value in logs.values())
    unit = nn.functional.normalize(z0, dim=1) - nn.functional.normalize(z, dim=1)
    torch.testing.assert_close(logs["adversarial_alignment"], unit.square().sum(dim=1).mean().detach())


@pytest.mark.parametrize("loss", [None, NTXentLoss(0.5), AsymmetricInfoNCELoss(variant="ip+hn")])
def test_the_attack_raises_the_loss_within_the_ball(batch, loss):
    method = make(loss=loss, attack=PGDAttack(steps=5))
    clean = method.views(batch["image"])
    adversarial = method.adversarial_view(clean)
    pixels = [view * 0.3 + 0.4 for view in (clean[0], adversarial)]
    assert (pixels[0] - pixels[1]).abs().max() <= 8 / 255 + 1e-5
    assert pixels[1].min() >= -1e-6 and pixels[1].max() <= 1 + 1e-6
    assert not adversarial.requires_grad
    with torch.no_grad(), frozen_statistics(method):
        z0, z1 = embed(method, *clean)
        losses = []
        for view in (clean[0], clean[0] + (8 / 255 / 0.3) * torch.randn_like(clean[0]).sign(), adversarial):
            losses.append(float(method.loss(z0, z1, *embed(method, view))))
    assert losses[2] > max(losses[:2]) + 0.02


@pytest.mark.parametrize("training", [True, False])
def test_the_attack_leaves_the_model_as_it_was(batch, training):
    method = make().train(training)
    state = {name: value.clone() for name, value in method.state_dict().items()}
    method.adversarial_view(method.views(batch["image"]))
    assert all(torch.equal(value, state[name]) for name, value in method.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in method.parameters())
    assert all(module.training == training for module in method.modules())


def test_a_step_records_one_batch_of_statistics(batch):
    method = make()
    method.training_step_loss(batch)
    assert method.encoder.stem[1].num_batches_tracked == 1


def test_training_lowers_the_loss(batch):
    method = make()
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    losses = []
    for _ in range(8):
        loss, _ = method.training_step_loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-3:]) < sum(losses[:3])


def test_features_are_plain(batch):
    method = make().eval()
    expected = method.encoder((batch["image"].float() / 255 - 0.4) / 0.3)
    torch.testing.assert_close(method(batch["image"]), expected)


def test_views_without_normalization(batch):
    method = make(views=Views([RandomAffine(degrees=20.0)]))
    clean = method.views(batch["image"])
    before = clean[0].clone()
    assert (method.adversarial_view(clean) - clean[0]).abs().max() <= 8 / 255 + 1e-6
    assert torch.equal(clean[0], before)


def test_errors(batch):
    with pytest.raises(ValueError, match="'views' must normalize by Normalize, or not at all"):
        make(views=Views([RandomAffine()], normalize=GaussianBlur(3)))
    with pytest.raises(ValueError, match="2 clean and one adversarial"):
        make(views=BatchViews(8, views=3, mean=0.4, std=0.3)).training_step_loss(batch)


def test_from_a_recipe(batch):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(nn.Module, "method")
    recipe = {
        "class_path": "gnnclr.vision.methods.a_info_nce.AInfoNCE",
        "init_args": {
            "encoder": {"class_path": "gnnclr.vision.SlimResNet", "init_args": {"widths": [8, 16], "in_channels": 1}},
            "projector": {
                "class_path": "gnnclr.vision.MLPHead",
                "init_args": {"in_features": 16, "hidden_features": 16, "out_features": 8},
            },
            "views": {"class_path": "gnnclr.vision.BatchViews", "init_args": {"size": 8, "mean": 0.4, "std": 0.3}},
            "loss": {"class_path": "gnnclr.losses.AsymmetricInfoNCELoss", "init_args": {"alpha": 0.3}},
            "attack": {"class_path": "gnnclr.vision.methods.adversarial.PGDAttack", "init_args": {"steps": 2}},
        },
    }
    method = parser.instantiate(parser.parse_object({"method": recipe})).method
    assert method.attack.steps == 2
    assert method.training_step_loss(batch)[0].isfinite()
