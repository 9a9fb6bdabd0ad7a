import pytest
import torch
from contracts.vision import VisionMethodContract, views_of_digits
from torch import nn

from gnnclr.losses import CLIPLoss, InfoNCELoss
from gnnclr.vision import MLPHead, RandomResizedCrop, SlimResNet, Views
from gnnclr.vision.methods.two_towers import TwoTowers
from gnnclr.vision.transforms.luminance_chrominance import LuminanceChrominance
from gnnclr.vision.transforms.paired_inputs import PairedInputs


def towers(seed, channels, modalities, **kwargs):
    torch.manual_seed(seed)
    encoders = tuple(SlimResNet((8, 16), in_channels=c, stem_stride=1) for c in channels)
    return TwoTowers(encoders, (MLPHead(16, 16, 8), MLPHead(16, 16, 8)), modalities, **kwargs)


class TestColors(VisionMethodContract):
    logs = {"alignment", "uniformity", "temperature"}
    width = 32

    @staticmethod
    def make(seed=0):
        return towers(seed, (1, 2), LuminanceChrominance(Views([RandomResizedCrop(8, (0.5, 1.0))], views=1)))

    def images(self):
        """Digits whose color tells them apart as much as their shape."""
        gray = super().images()
        return torch.stack([gray, gray.flip(2), gray.transpose(2, 3)], dim=1).squeeze(2)


class TestFixedTemperature(TestColors):
    logs = {"alignment", "uniformity"}

    @staticmethod
    def make(seed=0):
        views = LuminanceChrominance(Views([RandomResizedCrop(8, (0.5, 1.0))], views=2))
        return towers(seed, (1, 2), views, loss=CLIPLoss(0.2, learnable=False))


def other_of(batch):
    return {**batch, "other": batch["image"].flip(3).float() / 255}


def test_a_second_modality():
    method = towers(0, (1, 1), PairedInputs(views_of_digits(views=1)), loss=CLIPLoss(0.3))
    batch = other_of({"image": torch.randint(0, 256, (9, 1, 8, 8), dtype=torch.uint8)})
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(batch)
    torch.manual_seed(1)
    inputs = method.modalities.views(batch["image"])[0], batch["other"]
    z = [projector(encoder(x)) for encoder, projector, x in zip(method.encoders, method.projectors, inputs)]
    torch.testing.assert_close(loss, (InfoNCELoss(0.3)(z[0], z[1]) + InfoNCELoss(0.3)(z[1], z[0])) / 2)
    torch.testing.assert_close(logs["temperature"], torch.tensor(0.3))
    method.eval()
    features = method(batch["image"])
    assert features.shape == (9, 16)  # images alone: those of the first tower
    torch.testing.assert_close(features, method.encoders[0](method.modalities.views.plain(batch["image"])))


def test_other_may_be_anything():
    encoders = SlimResNet((8, 16), in_channels=1), nn.Embedding(10, 4)
    method = TwoTowers(encoders, (nn.Linear(16, 4), nn.Identity()), PairedInputs(views_of_digits(views=1)))
    loss, _ = method.training_step_loss({"image": torch.rand(6, 1, 8, 8), "other": torch.arange(6)})
    loss.backward()
    assert method.encoders[1].weight.grad[:6].abs().sum() > 0


def test_the_temperature_is_learned():
    method = TestColors.make()
    batch = TestColors().batch(32)
    optimizer = torch.optim.SGD(method.parameters(), 0.1)
    _, before = TestColors.step(method, optimizer, batch, 0)
    _, after = TestColors.step(method, optimizer, batch, 0)
    torch.testing.assert_close(before["temperature"], torch.tensor(0.07))
    assert not torch.equal(before["temperature"], after["temperature"])


def test_a_temperature_of_the_callers_is_logged():
    method = TestColors.make()
    method.loss = CLIPLoss(torch.nn.Parameter(torch.tensor(0.2)))
    _, logs = method.training_step_loss(TestColors().batch(32))
    torch.testing.assert_close(logs["temperature"], torch.tensor(0.2))


def test_features_of_both_towers_side_by_side():
    method = TestColors.make().eval()
    images = torch.rand(4, 3, 8, 8)
    light, color = method.modalities.plain(images)
    expected = torch.cat([method.encoders[0](light), method.encoders[1](color)], dim=1)
    torch.testing.assert_close(method(images), expected)


def test_grey_has_no_color():
    light, color = LuminanceChrominance(Views([], views=1))({"image": torch.rand(5, 1, 4, 4).expand(5, 3, 4, 4)})
    assert light.shape == (5, 1, 4, 4) and color.shape == (5, 2, 4, 4)
    torch.testing.assert_close(color, torch.zeros(5, 2, 4, 4), atol=1e-6, rtol=0)


def test_color_space():
    """Luminance is that of the standard; blue and red are at the ends of their axes."""
    primaries = torch.eye(3).view(3, 3, 1, 1)
    light, color = (x.flatten(1) for x in LuminanceChrominance(Views([])).plain(primaries))
    torch.testing.assert_close(light.squeeze(1), torch.tensor([0.299, 0.587, 0.114]))
    torch.testing.assert_close(color[2, 0], torch.tensor(1.333))
    torch.testing.assert_close(color[0, 1], torch.tensor(-1.333))
    # Differences from blue and red, each over its largest value: 1 - 0.114 and 1 - 0.299.
    blue, red = torch.tensor([0.0, 0, 1]), torch.tensor([1.0, 0, 0])
    torch.testing.assert_close(color[:, 0], 1.333 / 0.886 * (blue - light[:, 0]), atol=2e-3, rtol=0)
    torch.testing.assert_close(color[:, 1], -1.333 / 0.701 * (red - light[:, 0]), atol=2e-3, rtol=0)


def test_one_view_is_split_and_two_are_shared_out():
    images = torch.rand(4, 3, 16, 16)
    one = LuminanceChrominance(Views([RandomResizedCrop(8)], views=1))
    two = LuminanceChrominance(Views([RandomResizedCrop(8)], views=2))
    for modalities in (one, two):
        torch.manual_seed(0)
        light, color = modalities({"image": images})
        torch.manual_seed(0)
        views = modalities.views(images)
        torch.testing.assert_close(light, modalities._convert(views[0], slice(0, 1)))
        torch.testing.assert_close(color, modalities._convert(views[-1], slice(1, 3)))


def test_errors():
    views = Views([], views=1)
    with pytest.raises(ValueError, match=r"'encoders' must be two, one for each modality \(got 1\)"):
        TwoTowers((nn.Flatten(),), (nn.Identity(), nn.Identity()), PairedInputs(views))
    with pytest.raises(ValueError, match="'projectors' must be two"):
        TwoTowers((nn.Flatten(), nn.Flatten()), nn.Identity(), PairedInputs(views))
    with pytest.raises(ValueError, match=r"must have a row of 'other' for each of the 2 images \(got only 'image'\)"):
        PairedInputs(views)({"image": torch.rand(2, 1, 4, 4)})
    with pytest.raises(ValueError, match=r"'other' for each of the 2 images \(got 3 rows\)"):
        PairedInputs(views)({"image": torch.rand(2, 1, 4, 4), "other": torch.rand(3)})
    with pytest.raises(ValueError, match=r"'image' must have three channels, \[b, 3, h, w\]"):
        LuminanceChrominance(views)({"image": torch.rand(2, 1, 4, 4)})
    with pytest.raises(ValueError, match=r"'views' must make one view or two \(got 3\)"):
        LuminanceChrominance(Views([], views=3))({"image": torch.rand(2, 3, 4, 4)})
