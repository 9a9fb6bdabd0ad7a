import sys

import pytest
import torch
from torch import nn
from torchvision import models

from gnnclr.vision import image_encoder
from gnnclr.vision.encoders.vit import SIZES


def test_cifar_stem():
    encoder = image_encoder("resnet18", stem="cifar").eval()
    assert encoder.out_features == 512
    assert encoder.conv1.stride == (1, 1) and encoder.conv1.kernel_size == (3, 3)
    assert 11.1e6 < sum(p.numel() for p in encoder.parameters()) < 11.2e6
    sizes = []
    encoder.layer1.register_forward_hook(lambda module, args, out: sizes.append(out.shape[-1]))
    assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, 512)
    assert sizes == [32]


def test_features_are_what_the_classifier_sees():
    torch.manual_seed(0)
    whole = models.resnet18().eval()
    torch.manual_seed(0)
    encoder = image_encoder("resnet18").eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(whole.fc(encoder(images)), whole(images))


#: One of each family, with the image size that it takes at least.
FAMILIES = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "maxvit_t", "mnasnet0_5"]
FAMILIES += ["mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "vgg11", "vit_b_32", "vit_ti_16"]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", FAMILIES)
def test_networks_of_all_families(name):
    with torch.device("meta"):
        encoder = image_encoder(name, in_channels=1)
        for training in (True, False):
            features = encoder.train(training)(torch.zeros(2, 1, 224, 224))
            assert features.shape == (2, encoder.out_features)


def test_dropout_before_the_classifier_is_removed():
    with torch.device("meta"):
        assert not any(isinstance(part, nn.Dropout) for part in image_encoder("efficientnet_b0").modules())


@pytest.mark.parametrize("size", ["ti", "s", "b"])
def test_transformers_are_of_the_papers_size(size):
    weights = {"ti": 5.5e6, "s": 21.7e6, "b": 85.8e6}  # of DeiT and ViT, without 1,000 classes
    with torch.device("meta"):
        encoder = image_encoder(f"vit_{size}_16")
    assert encoder.out_features == SIZES[size][0]
    assert sum(p.numel() for p in encoder.parameters()) == pytest.approx(weights[size], rel=0.01)


def test_options_reach_the_network():
    encoder = image_encoder("vit_s_4", image_size=16, options={"num_layers": 2})
    assert len(encoder.encoder.layers) == 2
    assert encoder.eval()(torch.rand(2, 3, 16, 16)).shape == (2, 384)


def test_errors(monkeypatch):
    with pytest.raises(ValueError, match=r"'name' must be a network of torchvision such as 'resn.*\(got 'resnet19'\)"):
        image_encoder("resnet19")
    with pytest.raises(ValueError, match="'stem' must be one of 'cifar', 'imagenet'"):
        image_encoder(stem="mnist")
    with pytest.raises(ValueError, match=r"'stem' must be 'imagenet' with vit_s_16: residual networks alone"):
        image_encoder("vit_s_16", stem="cifar")
    with pytest.raises(ValueError, match="'weights' must be None or a file with stem='cifar'"):
        image_encoder(stem="cifar", weights="DEFAULT")
    with pytest.raises(ValueError, match=r"'weights' must be a file that ends in \.pt.* or 'DEFAULT' \(got 'DEFALT'\)"):
        image_encoder(weights="DEFALT")
    with pytest.raises(ValueError, match=r"'weights' must be a file that ends in \.pt.* \(got 'DEFAULT'\)"):
        image_encoder("vit_s_16", weights="DEFAULT")
    with pytest.raises(ValueError, match=r"'in_channels' must be 3 with pretrained weights \(got 1\)"):
        image_encoder(weights="DEFAULT", in_channels=1)
    with pytest.raises(ValueError, match="'in_channels' must be a positive integer"):
        image_encoder(in_channels=0)
    with pytest.raises(ValueError, match=r"'image_size' must be a multiple of the patch size 16 \(got 40\)"):
        image_encoder("vit_s_16", image_size=40)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match=r"the encoder 'timm/resnet10t' needs the package timm; .*'gnnclr\[timm\]'"):
        image_encoder("timm/resnet10t")


def test_networks_of_timm(tmp_path):
    timm = pytest.importorskip("timm", reason="needs the extra 'timm'")
    whole = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=5).eval()
    torch.save(whole.state_dict(), tmp_path / "vit.pth")
    encoder = image_encoder("timm/vit_tiny_patch16_224", weights=str(tmp_path / "vit.pth"), image_size=32).eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert encoder.out_features == 192
        torch.testing.assert_close(encoder(images), whole.forward_head(whole.forward_features(images), pre_logits=True))
    assert image_encoder("timm/resnet10t", in_channels=1).eval()(torch.rand(2, 1, 32, 32)).shape == (2, 512)
    with pytest.raises(ValueError, match=r"'name' must be a network of timm such as 'resn.*\(got 'timm/resnet10x'\)"):
        image_encoder("timm/resnet10x")
