import copy

import pytest
import torch
from torch import nn
from white_run import white_run

import gnnclr
from gnnclr.vision import Mirrored, SlimResNet, Whitened
from gnnclr.vision.backbone.export import export_backbone
from gnnclr.vision.backbone.saved import save_backbone


class Rows(nn.Module):
    """Gives what it is given."""

    def __init__(self, width=5):
        super().__init__()
        self.out_features = width

    def forward(self, x):
        return x


def rows(n=200, width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=generator)
    return torch.randn(n, width, generator=generator) @ mix + 3


@pytest.mark.parametrize("ridge", [1e-6, 0.1, 2.0])
def test_directions_have_the_variance_of_the_formula(ridge):
    x, encoder = rows(), Whitened(Rows(), ridge).eval()
    encoder.fit(x)
    white = encoder(x).double()
    centered = x.double() - x.double().mean(dim=0)
    variance = torch.linalg.eigvalsh(centered.T @ centered / len(x)).flip(0)
    expected = variance / (variance + ridge * variance.mean())
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(5).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(white.T @ white / len(x), expected.diag(), atol=1e-5, rtol=0)


def test_distances_are_those_of_mahalanobis():
    x, encoder = rows(), Whitened(Rows(), 1e-9).eval()
    encoder.fit(x)
    inverse = torch.linalg.inv(x.double().T.cov(correction=0))
    other = rows(20, seed=1)
    gap = (other[:10] - other[10:]).double()
    literal = torch.einsum("ij,jk,ik->i", gap, inverse, gap)
    torch.testing.assert_close((encoder(other[:10]) - encoder(other[10:])).square().sum(dim=1), literal.float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_features_of_any_type_are_fitted(dtype):
    encoder = Whitened(Rows()).eval()
    encoder.fit(rows().to(dtype))
    assert encoder(rows()).isfinite().all() and encoder.matrix.dtype is torch.float32


def test_nothing_varies_or_few_rows_do():
    for x in (torch.full((4, 5), 2.0), rows(2), rows(4)):
        encoder = Whitened(Rows()).eval()
        encoder.fit(x)
        assert encoder(x).isfinite().all()


def test_training_sees_features_as_they_are_and_forgets():
    encoder, x = Whitened(Rows()), rows()
    assert torch.equal(encoder.eval()(x), x)
    encoder.fit(x)
    assert encoder.is_fitted and not torch.equal(encoder(x), x)
    state = copy.deepcopy(encoder.state_dict())
    assert torch.equal(encoder.train()(x), x)
    assert not encoder.is_fitted and torch.equal(encoder.eval()(x), x)
    encoder.load_state_dict(state)
    assert encoder.is_fitted and torch.equal(encoder(x), (x - state["mean"]) @ state["matrix"])
    encoder.load_state_dict(Whitened(Rows()).state_dict())
    assert not encoder.is_fitted


def test_a_mirror_image_has_the_features_of_the_image():
    encoder, images = Mirrored(SlimResNet((4, 8))), torch.rand(3, 3, 16, 16)
    assert (encoder.out_features, encoder.in_channels) == (8, 3)
    inner = encoder.encoder.eval()
    assert torch.equal(encoder(images), inner(images))  # in training
    encoder.eval()
    literal = torch.stack([inner(images), inner(images.flip(-1))]).mean(dim=0)
    torch.testing.assert_close(encoder(images), literal)
    torch.testing.assert_close(encoder(images.flip(-1)), literal)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"'out_features' must be the width .*\(got none, and Identity as"):
        Whitened(nn.Identity())
    assert Whitened(nn.Identity(), out_features=5).mean.shape == (5,)
    with pytest.raises(ValueError, match="'ridge' must be a positive number"):
        Whitened(Rows(), 0.0)
    with pytest.raises(ValueError, match=r"'features' must have two rows or more \(got 1\)"):
        Whitened(Rows()).fit(rows(1))
    with pytest.raises(ValueError, match="'features'"):
        Whitened(Rows()).fit(rows(width=4))
    with pytest.raises(ValueError, match="'features'"):
        Whitened(Rows()).fit(torch.full((3, 5), torch.nan))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return white_run(tmp_path_factory.mktemp("runs") / "run")


def test_a_run_makes_the_features_of_training_images_white(run):
    untrained, trained, data, _ = run.load()
    assert trained.encoder.is_fitted and not untrained.encoder.is_fitted
    features = data.training_features(trained)
    raw = trained.encoder.encoder.eval()(trained.views.normalize(data.training_images()[0].float() / 255))
    again = Whitened(Rows(8)).eval()
    again.fit(raw)
    torch.testing.assert_close(features.T.cov(), again(raw).T.cov(), atol=1e-4, rtol=0)
    matrix = trained.encoder.matrix.clone()
    for method in (untrained, trained):  # as an evaluation does
        data.fit_features(method)
    assert untrained.encoder.is_fitted and torch.equal(trained.encoder.matrix, matrix)


def test_whoever_loads_it_has_them(run, tmp_path):
    pytest.importorskip("safetensors", reason="needs the extra 'hub'")
    backbone = gnnclr.load(run.folder)
    images = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        features = backbone(images)
        assert torch.equal(features, run.load_method()[0].eval()(images))
        assert torch.equal(gnnclr.load(save_backbone(backbone, tmp_path / "hub"))(images), features)
        program = torch.export.load(export_backbone(backbone, tmp_path / "backbone.pt2", "torch_export")).module()
        torch.testing.assert_close(program(backbone.prepare(images)), features, atol=1e-4, rtol=1e-4)
