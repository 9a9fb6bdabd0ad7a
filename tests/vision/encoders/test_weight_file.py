import pytest
import torch
from torchvision.models import VisionTransformer, resnet18

from gnnclr.vision import image_encoder
from gnnclr.vision.encoders.vit import ViT, resized_positions
from gnnclr.vision.encoders.weight_file import load_weight_file


@pytest.fixture(scope="module")
def whole():
    torch.manual_seed(3)
    return resnet18()


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_classifier_is_passed_over_and_said(wrapped, whole, tmp_path, capsys):
    state = whole.state_dict()
    others = {"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3}
    torch.save(others if wrapped else state, tmp_path / "r18.pth")
    encoder = image_encoder("resnet18", weights=str(tmp_path / "r18.pth"))
    assert "passed over the classifier of" in (said := capsys.readouterr().out) and "'fc.weight', 'fc.bias'" in said
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())


def test_safetensors_without_a_classifier(whole, tmp_path, capsys):
    safetensors = pytest.importorskip("safetensors.torch", reason="needs the extra 'export'")
    state = {name: value for name, value in whole.state_dict().items() if not name.startswith("fc.")}
    safetensors.save_file({k: v for k, v in state.items() if "num_batches" not in k}, tmp_path / "r18.safetensors")
    encoder = image_encoder("resnet18", weights=str(tmp_path / "r18.safetensors"))
    assert torch.equal(encoder.conv1.weight, state["conv1.weight"]) and capsys.readouterr().out == ""


def test_files_that_do_not_fit_change_nothing(whole, tmp_path):
    encoder, path = image_encoder("resnet18"), tmp_path / "x.pth"
    before = encoder.conv1.weight.clone()
    state = whole.state_dict()

    def refused(content, message):
        torch.save(content, path)
        with pytest.raises(ValueError, match=message):
            load_weight_file(encoder, path, "fc")

    lacking = {name: value for name, value in state.items() if not name.startswith("bn1.")}
    refused(lacking, r"x\.pth' must hold the weights of this ResNet \(it lacks 'bn1\.weight', 'bn1\.bias', .* 1 more\)")
    refused({**state, "neck.w": torch.ones(1)}, r"this ResNet \(it has besides 'neck\.w'\)")
    wide = torch.ones(64, 1, 7, 7)
    refused({**state, "conv1.weight": wide}, r"'conv1\.weight' must have shape \[64, 3, 7, 7\] \(got \[64, 1, 7, 7\]\)")
    broken = torch.full_like(before, torch.nan)
    refused({**state, "conv1.weight": broken}, r"must hold finite weights \(got NaN or infinite entries in 'conv1\.w")
    refused({"epoch": 1}, r"must hold tensors by name, a state dict \(got a dict with 'epoch'\)")
    refused(whole, r"must be a file of weights of torch\.save .*; write the state_dict\(\) of a network alone")
    with pytest.raises(FileNotFoundError, match=r"'weights' must be a file of weights \(there is no '.*none\.pt'\)"):
        load_weight_file(encoder, tmp_path / "none.pt")
    assert torch.equal(encoder.conv1.weight, before)


def test_positions_of_another_size_are_interpolated(tmp_path):
    tiny = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}
    trained = VisionTransformer(32, 4, **tiny)
    torch.save(trained.state_dict(), tmp_path / "vit.pt")
    own = ViT(16, 4, **tiny)
    load_weight_file(own, tmp_path / "vit.pt")
    positions = own.encoder.pos_embedding
    torch.testing.assert_close(positions.data, resized_positions(trained.encoder.pos_embedding, 4, 4).data)
