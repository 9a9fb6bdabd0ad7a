"""How benchmarks.images.objectives trains each objective."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.common.recipes import Settings, override, part
from gnnclr import losses
from gnnclr.losses import NTXentLoss
from gnnclr.vision import MLPHead, SimCLR

#: The recipe of all objectives, with a smaller encoder.
RECIPE, WIDTHS, EMBEDDING = "simclr-cifar10-cpu", (32, 64, 128), 64
SMALL = (
    override("model.method.encoder.widths", WIDTHS),
    override("model.method.projector.in_features", WIDTHS[-1]),
)
LR = 2e-3
#: Losses of features have other scales and curvatures than those of pairs: their rate is chosen.
RATES = (LR / 4, LR, LR * 4)
#: Published temperatures range from 0.07 to 0.5: with one for all, the objectives differ in their form alone.
TEMPERATURE = 0.2
#: Largest change of a pixel in [0, 1] of an adversarial view, as in the paper of A-InfoNCE.
EPSILON = 8 / 255


class Method(nn.Module):
    """The encoder, the projector and the loss of a recipe, and what the loss needs besides. Images are in [0, 1].

    Args:
        method (SimCLR): The method of the recipe.
        predictor (bool, optional): Add a predictor, and batch normalization before it. (default: ``False``)
    """

    def __init__(self, method: SimCLR, predictor: bool = False):
        super().__init__()
        # The encoder and the projector were drawn first: the same seed gives all objectives the same.
        self.normalize, self.encoder = method.views.normalize, method.encoder
        self.projector: nn.Module = method.projector
        self.views, self.views.normalize = method.views, nn.Identity()  # pixels may be attacked before they are normal
        self.predictor = None
        if predictor:
            self.projector = nn.Sequential(self.projector, nn.BatchNorm1d(EMBEDDING, affine=False))
            self.predictor = MLPHead(EMBEDDING, EMBEDDING // 2, EMBEDDING)
        self.loss, self.bf16 = method.loss, False

    def forward(self, images: Tensor) -> Tensor:
        """Features, in float32."""
        images = self.normalize(images).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return self.encoder(images).float()

    def embed(self, *views: Tensor) -> tuple[Tensor, ...]:
        """Embeddings of views that share a batch of the normalization layers."""
        return self.projector(self(torch.cat(views))).chunk(len(views))


def two_views(method: Method, a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    return method.loss(*method.embed(a, b))


def with_labels(method: Method, a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    return method.loss(*method.embed(a, b), labels=labels)


def with_predictor(method: Method, a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    z0, z1 = method.embed(a, b)
    p0, p1 = method.predictor(torch.cat([z0, z1])).chunk(2)
    return (method.loss(p0, z1) + method.loss(p1, z0)) / 2


def with_adversarial_view(method: Method, a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    """A third view: the first after one step up the gradient of NT-Xent, by the sign of each pixel's."""
    a.requires_grad_()
    z0, z1 = method.embed(a, b)
    (gradient,) = torch.autograd.grad(NTXentLoss(TEMPERATURE)(z0, z1), a, retain_graph=True)
    adversarial = (a.detach() + EPSILON * gradient.sign()).clamp(0, 1)
    return method.loss(z0, z1, *method.embed(adversarial))


@dataclass(frozen=True)
class Setting:
    """How an objective is trained.

    Args:
        arguments (dict, optional): Arguments of the loss other than its defaults, which are the published ones.
        why (str, optional): The reason for them.
        views (callable, optional): How views, and labels, reach the loss.
        rates (tuple, optional): Learning rates; of several, the first seed's validation images choose.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    views: Callable[[Method, Tensor, Tensor, Tensor], Tensor] = two_views
    rates: tuple[float, ...] = (LR,)

    def settings(self, name: str, lr: float) -> Settings:
        """The recipe of the objective of that name."""
        loss = override("model.method.loss", part(f"gnnclr.losses.{name}", **self.arguments))
        return Settings(RECIPE, (*SMALL, loss, override("model.optimizer.lr", lr)))


SOFTMAX, WHY = {"temperature": TEMPERATURE}, "one temperature for the softmax family"
ADVERSARIAL = "; the adversarial view is one signed step of 8/255 up the gradient of NT-Xent from the first view"

#: What an objective does not share with the others. Those that are not here have their defaults.
SETTINGS = {
    "AsymmetricInfoNCELoss": Setting(SOFTMAX, WHY + ADVERSARIAL, with_adversarial_view),
    # λ = 0.0051 was chosen for 8,192 features; with the inverse of the width both terms grow alike.
    "BarlowTwinsLoss": Setting({"redundancy": 1 / EMBEDDING}, "λ = 1/d: the default is for d = 8,192", rates=RATES),
    # Features that are all alike cost λ d², and gain d.
    "CCASSGLoss": Setting(
        {"decorrelation": 1e-3 * 512 / EMBEDDING}, "λ d as with the 512 features of the paper", rates=RATES
    ),
    "CLIPLoss": Setting(SOFTMAX, f"{WHY}, where learning it starts; one encoder is both towers"),
    "DCLLoss": Setting(SOFTMAX, WHY),
    "DHELLoss": Setting(SOFTMAX, WHY),
    "HardNegativeLoss": Setting(SOFTMAX, WHY),
    "InfoNCELoss": Setting(SOFTMAX, f"{WHY}; one way, from the first view"),
    "KernelInfoNCELoss": Setting(SOFTMAX | {"gamma": 1.0}, f"{WHY}; Laplacian kernel, as γ = 2 is NT-Xent"),
    "NTXentLoss": Setting(SOFTMAX, WHY),
    # The normalization without scale at the projector's end is the paper's.
    "NegativeCosineLoss": Setting(
        {}, "predictor 64-32-64, both directions, batch normalization at the projector's end", with_predictor
    ),
    "SupConLoss": Setting(SOFTMAX, f"{WHY}; sees the labels of its batches", with_labels),
    "VICRegLoss": Setting(rates=RATES),
}


def arguments(name: str) -> dict[str, Any]:
    """All arguments of the objective of that name that change its value."""
    every = {p.name: p.default for p in inspect.signature(getattr(losses, name)).parameters.values()}
    usual = {"gather_distributed": False, "impl": "auto", "reduction": "mean"}
    kept = {key: value for key, value in every.items() if usual.get(key, inspect.Parameter.empty) != value}
    return kept | setting(name).arguments


def setting(name: str) -> Setting:
    """How the objective of that name is trained."""
    return SETTINGS.get(name, Setting())


def objectives() -> list[str]:
    """The names of all objectives of the package, but for those that need communities."""
    named = [name for name in losses.__all__ if getattr(getattr(losses, name), "card", None) is not None]
    return [name for name in named if name not in ("CommunityNTXentLoss", "ReSCLoss")]
