import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from gnnclr.vision import (
    Backbone,
    BatchViews,
    CentralSquare,
    MLPHead,
    SimCLR,
    SlimResNet,
    export_backbone,
    image_encoder,
)


def backbone(encoder, size=12):
    torch.manual_seed(0)
    trained = SimCLR(encoder, MLPHead(encoder.out_features, 8, 4), BatchViews(size, mean=[0.4, 0.5, 0.6], std=0.2))
    trained.train().encoder(torch.rand(8, 3, size, size))  # statistics of the normalization that are not the first ones
    return Backbone(trained.features(), CentralSquare(size)).eval()


def assert_same(found, expected):
    torch.testing.assert_close(torch.as_tensor(found), expected, rtol=1e-4, atol=1e-4)


def test_weights_are_those_of_torchvision(tmp_path):
    safe = pytest.importorskip("safetensors", reason="needs the extra 'export'")
    from torchvision.models import resnet18

    trained = backbone(image_encoder("resnet18"), 32)
    path = export_backbone(trained, tmp_path / "encoder.safetensors", "safetensors")
    other = resnet18()
    other.fc = nn.Identity()
    with safe.safe_open(path, "pt") as file:
        other.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        said = json.loads(file.metadata()["preprocessing"])
    assert said == trained.preprocessing() and said["size"] == 32
    images = torch.rand(3, 3, said["size"], said["size"])
    mean, std = (torch.tensor(said[name]).view(-1, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        assert_same(other.eval()((images - mean) / std), trained(images))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("format", ["torch_export", "onnx"])
@pytest.mark.parametrize("network", ["convolutions", "attention"])
def test_programs_take_batches_of_any_size(network, format, tmp_path):
    transformer = image_encoder("vit_ti_4", image_size=12, options={"num_layers": 1})
    trained = backbone(transformer if network == "attention" else SlimResNet((4, 8)))
    if format == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(package, reason="needs the extra 'test'")
    path = export_backbone(trained.train(), tmp_path / "encoder.pt2", format)
    assert trained.training  # as it was
    trained.eval()
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        said = session.get_modelmeta().custom_metadata_map["preprocessing"]

        def run(images):
            return session.run(["features"], {"images": images.numpy()})[0]
    else:
        extra = {"preprocessing.json": ""}
        run = torch.export.load(path, extra_files=extra).module()
        said = extra["preprocessing.json"]
    assert json.loads(said) == trained.preprocessing()
    for size in (1, 2, 5):
        images = torch.rand(size, 3, 12, 12)
        with torch.no_grad():
            assert_same(run(images), trained(images))


def test_errors_leave_no_file(tmp_path, monkeypatch):
    trained, path = backbone(SlimResNet((4, 8))), tmp_path / "encoder"
    with pytest.raises(ValueError, match=r"'format' must be one of 'safetensors', 'torch_export', 'onnx' \(got 'tf'\)"):
        export_backbone(trained, path, "tf")
    with pytest.raises(ValueError, match="'backbone' must have a square"):
        export_backbone(Backbone(trained.features), path, "onnx")
    for format, package in {"safetensors": "safetensors", "onnx": "onnx"}.items():
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)
        message = rf"the format {format} needs the package {package}; install it with: pip install 'gnnclr\[export\]'"
        with pytest.raises(ImportError, match=message):
            export_backbone(trained, path, format)
    assert not list(tmp_path.iterdir())
    assert np.isfinite(trained(torch.rand(1, 3, 12, 12)).detach().numpy()).all()
