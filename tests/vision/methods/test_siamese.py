import copy

import pytest
import torch
import torch.nn.functional as F
from contracts.vision import views_of_digits
from jsonargparse import ArgumentParser
from torch import nn

from gnnclr.losses import NegativeCosineLoss
from gnnclr.nn.mlp_head import MLPHead
from gnnclr.nn.predictors import DirectPred, MLPPredictor
from gnnclr.vision import SlimResNet
from gnnclr.vision.methods.byol import BYOL
from gnnclr.vision.methods.siamese import SiameseMethod
from gnnclr.vision.methods.sim_siam import SimSiam


class Shifted(SiameseMethod):
    """Targets are the embeddings plus the number of their view."""

    def targets(self, images, z, batch):
        return [view.detach() + k for k, view in enumerate(z)]


def make(kind=Shifted, views=2, predictor=None, **kwargs):
    torch.manual_seed(0)
    encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
    predictor = MLPPredictor(8, 4) if predictor is None else predictor
    return kind(encoder, MLPHead(16, 16, 8), predictor, views_of_digits(views=views), **kwargs)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return {"image": torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=generator)}


@pytest.mark.parametrize("views", [2, 3])
def test_loss_is_the_mean_over_pairs_of_views(views, batch):
    method = make(views=views)
    literal = copy.deepcopy(method)
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(batch)
    torch.manual_seed(1)
    z = literal.projector(literal.encoder(torch.cat(literal.views(batch["image"]))))
    p, z = literal.predictor(z).split(12), z.detach().split(12)
    cosines = [
        F.cosine_similarity(p[v][i], z[w][i] + w, dim=0)
        for v in range(views)
        for w in range(views)
        if v != w
        for i in range(12)
    ]
    torch.testing.assert_close(loss, -torch.stack(cosines).mean())
    unit = F.normalize(z[0], dim=1)
    torch.testing.assert_close(logs["std"], unit.std(dim=0, correction=0).mean() * 8**0.5)
    torch.testing.assert_close(logs["alignment"], (unit - F.normalize(z[1], dim=1)).square().sum(dim=1).mean())


def test_std_tells_collapse_from_spread(batch):
    method = make()
    method.projector = nn.Sequential(method.projector, nn.Linear(8, 8))
    nn.init.zeros_(method.projector[1].weight)
    assert float(method.training_step_loss(batch)[1]["std"]) < 1e-6
    method.projector = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8, affine=False))
    assert 0.8 < float(method.training_step_loss(batch)[1]["std"]) <= 1


def test_another_loss(batch):
    class Doubled(NegativeCosineLoss):
        def forward(self, *args):
            return 2 * super().forward(*args)

    losses = []
    for loss in (None, Doubled()):
        method = make(loss=loss)
        torch.manual_seed(1)
        losses.append(method.training_step_loss(batch)[0])
    torch.testing.assert_close(2 * losses[0], losses[1])


def test_the_predictor_follows_its_inputs(batch):
    method = make(predictor=DirectPred(8))
    torch.manual_seed(1)
    method.training_step_loss(batch)[0].backward()
    method.after_optimizer_step()
    literal = make(predictor=DirectPred(8))
    torch.manual_seed(1)
    z = literal.projector(literal.encoder(torch.cat(literal.views(batch["image"]))))
    torch.testing.assert_close(method.predictor.correlation, z.detach().t() @ z.detach() / 24)
    torch.testing.assert_close(method.predictor.weight, method.predictor.filter(method.predictor.correlation))


def test_one_view():
    with pytest.raises(ValueError, match="'views' must make two views or more"):
        make(views=1)


RECIPE = """
method:
  class_path: {method}
  init_args:
    encoder:
      class_path: gnnclr.vision.SlimResNet
      init_args: {{widths: [8, 16], in_channels: 1, stem_stride: 1}}
    projector:
      class_path: gnnclr.nn.mlp_head.MLPHead
      init_args: {{in_features: 16, hidden_features: 16, out_features: 8, last_norm: true}}
    predictor:
      class_path: gnnclr.nn.predictors.{predictor}
      init_args: {{{settings}}}
    views:
      class_path: gnnclr.vision.BatchViews
      init_args: {{size: 8, mean: 0.5, std: 0.5}}
"""
MEMORY = """
    memory:
      class_path: gnnclr.nn.stage_memory.StageMemory
      init_args: {size: 64, dim: 8, warm_up: 1}
"""
MOMENTUM = """
    momentum: 0.99
    momentum_steps: 100
"""


@pytest.mark.parametrize(
    "kind,predictor,settings,rest",
    [
        (SimSiam, "MLPPredictor", "channels: 8, hidden_channels: 4", ""),
        (SimSiam, "MLPPredictor", "channels: 8, hidden_channels: 4", MEMORY),
        (SimSiam, "DirectPred", "channels: 8, frequency: 5", ""),
        (BYOL, "MLPPredictor", "channels: 8, hidden_channels: 16", MOMENTUM),
        (BYOL, "LinearPredictor", "channels: 8", ""),
        (BYOL, "DirectPred", "channels: 8, eps_form: paper", ""),
        (BYOL, "DirectSet", "channels: 8, alpha: 0.7", ""),
        (BYOL, "DirectCopy", "channels: 8, eps: 0.1", ""),
    ],
)
def test_recipes(kind, predictor, settings, rest, batch):
    name = f"{kind.__module__}.{kind.__name__}"
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(nn.Module, "method")
    recipe = RECIPE.format(method=name, predictor=predictor, settings=settings) + rest
    method = parser.instantiate(parser.parse_string(recipe)).method
    assert type(method) is kind and type(method.predictor).__name__ == predictor
    loss, _ = method.training_step_loss(batch | {"index": torch.arange(12)})
    loss.backward()
    method.after_optimizer_step()
    assert method.predictor(torch.rand(4, 8)).shape == (4, 8)
