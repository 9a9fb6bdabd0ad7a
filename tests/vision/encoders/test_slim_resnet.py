import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gnnclr.vision import SlimResNet
from gnnclr.vision.encoders.slim_resnet import Pointwise


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_slim_resnet_costs_what_it_says():
    encoder = SlimResNet().eval()
    with FlopCounterMode(display=False) as counter:
        features = encoder(torch.rand(1, 3, 32, 32))
    assert features.shape == (1, encoder.out_features) == (1, 128)
    assert 300_000 < parameters(encoder) < 310_000
    assert counter.get_total_flops() / 2 == pytest.approx(12.3e6, rel=0.01)


@pytest.mark.parametrize(("widths", "channels", "stride", "size"), [((8,), 1, 1, 12), ((8, 16, 16), 3, 2, 32)])
def test_slim_resnet_shapes(widths, channels, stride, size):
    encoder = SlimResNet(widths, in_channels=channels, stem_stride=stride)
    out = encoder(torch.rand(4, channels, size, size))
    assert out.shape == (4, widths[-1])
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("jumping", [1, 2, 3])
def test_the_last_stages_give_features_side_by_side(jumping):
    encoder, images, stages = SlimResNet((4, 8, 16), jumping=jumping), torch.rand(6, 3, 16, 16), []
    x = encoder.stem(images)
    for stage in encoder.stages:
        x = stage(x)
        stages.append(x.mean(dim=(2, 3)))
    out = encoder(images)
    assert out.shape == (6, encoder.out_features) == (6, sum((4, 8, 16)[-jumping:]))
    torch.testing.assert_close(out, torch.cat(stages[-jumping:], dim=1))
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("channels", [2, 4, 5, 12, 16])
@pytest.mark.parametrize("size", [7, 16])
def test_pointwise_convolutions_of_few_channels(channels, size):
    """Of fewer than eight, torch's own with a stride ended the process on processors without AVX-512."""
    torch.manual_seed(0)
    conv, images = Pointwise(channels, 8, 1, 2, bias=False), torch.rand(6, channels, size, size)
    out = conv(images.contiguous(memory_format=torch.channels_last))
    expected = torch.einsum("bchw,oc->bohw", images[:, :, ::2, ::2], conv.weight[:, :, 0, 0])
    torch.testing.assert_close(out, expected)
    found, wanted = (torch.autograd.grad(x.square().sum(), conv.weight)[0] for x in (out, expected))
    torch.testing.assert_close(found, wanted)


def test_slim_resnet_is_deterministic_by_seed():
    torch.manual_seed(0)
    first = SlimResNet((8, 16)).state_dict()
    torch.manual_seed(0)
    second = SlimResNet((8, 16)).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_slim_resnet_does_not_depend_on_the_memory_format():
    encoder, images = SlimResNet((8, 16)).eval(), torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(encoder(images), encoder(images.contiguous(memory_format=torch.channels_last)))


def test_slim_resnet_errors():
    with pytest.raises(ValueError, match="'widths' must be positive integers"):
        SlimResNet(())
    with pytest.raises(ValueError, match="'widths' must be positive integers"):
        SlimResNet((8, 0))
    with pytest.raises(ValueError, match="'jumping' must be an integer from 1 to 2"):
        SlimResNet((8, 16), jumping=3)
