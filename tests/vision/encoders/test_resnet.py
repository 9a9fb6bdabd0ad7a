import pytest
import torch

from gnnclr.vision import resnet


def test_resnet_cifar_stem():
    encoder = resnet("resnet18").eval()
    assert encoder.out_features == 512
    assert encoder.conv1.stride == (1, 1) and encoder.conv1.kernel_size == (3, 3)
    assert 11.1e6 < sum(p.numel() for p in encoder.parameters()) < 11.2e6
    sizes = []
    encoder.layer1.register_forward_hook(lambda module, args, out: sizes.append(out.shape[-1]))
    assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, 512)
    assert sizes == [32]


def test_resnet_of_other_channels():
    assert resnet(in_channels=1).eval()(torch.rand(2, 1, 8, 8)).shape == (2, 512)


def test_resnet_imagenet_stem():
    encoder = resnet("resnet18", stem="imagenet").eval()
    assert encoder.conv1.stride == (2, 2)
    assert encoder(torch.rand(1, 3, 64, 64)).shape == (1, 512)


def test_resnet_errors():
    with pytest.raises(ValueError, match=r"'name' must be one of .*'resnet18'"):
        resnet("resnet19")
    with pytest.raises(ValueError, match="'stem' must be one of 'cifar', 'imagenet'"):
        resnet(stem="mnist")
    with pytest.raises(ValueError, match="'weights' must be None with stem='cifar'"):
        resnet(weights="DEFAULT")
    for arguments in ({"in_channels": 0}, {"in_channels": 1, "stem": "imagenet"}):
        with pytest.raises(ValueError, match="'in_channels' must be 3, or a positive number with stem='cifar'"):
            resnet(**arguments)
