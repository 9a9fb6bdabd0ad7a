"""Adversarial images by projected gradient ascent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor, nn

from gnnclr.ops.check import check_choice, check_count, check_positive
from gnnclr.vision.transforms.transform import check_images


class PGDAttack(nn.Module):
    r"""The attack of `"Towards Deep Learning Models Resistant to Adversarial Attacks"
    <https://arxiv.org/abs/1706.06083>`_: projected gradient ascent on a loss, of labels or not.

    .. math:: \mathbf{x}^{t+1} = \Pi_{\,\mathcal{B}_\epsilon(\mathbf{x}) \,\cap\, [0, 1]}
        \left( \mathbf{x}^{t} + \eta \operatorname{sign} \nabla_{\mathbf{x}} \mathcal{L}(\mathbf{x}^{t}) \right)

    in the maximum norm; in the Euclidean norm the gradient of every image has unit length instead. The defaults are
    those of `"Adversarial Self-Supervised Contrastive Learning" <https://arxiv.org/abs/2006.07589>`_. A step costs a
    pass through the model and back to its input; gradients of parameters are neither computed nor changed. A model in
    training mode would move its batch statistics at every step: run the attack within :func:`frozen_statistics`.

    Args:
        eps (float, optional): The radius :math:`\epsilon` of the ball around each image. (default: ``8 / 255``)
        step (float, optional): The length :math:`\eta` of a step. (default: ``0.007``)
        steps (int, optional): The number of steps. (default: ``7``)
        norm (str, optional): ``"linf"`` or ``"l2"``, where a radius of 0.5 is common. (default: ``"linf"``)
        random_start (bool, optional): If set to :obj:`False`, the first step starts at the image, and not at a uniform
            point of the ball. (default: :obj:`True`)

    Shapes:
        - **input:** images :math:`(B, C, H, W)` in :math:`[0, 1]`; ``loss_fn``, which maps such images to a scalar
        - **output:** images :math:`(B, C, H, W)` in :math:`[0, 1]`, ``float32``, constant

    Example:
        >>> attack = PGDAttack(steps=3)
        >>> with frozen_statistics(encoder):
        ...     adversarial = attack(images, lambda x: F.cross_entropy(encoder(x), labels))
    """

    def __init__(
        self,
        eps: float = 8 / 255,
        step: float = 0.007,
        steps: int = 7,
        norm: str = "linf",
        random_start: bool = True,
    ):
        super().__init__()
        self.eps: float = check_positive("eps", eps)
        self.step: float = check_positive("step", step)
        self.steps: int = check_count("steps", steps, least=0)
        self.random_start: bool = random_start
        self.norm: str = check_choice("norm", norm, ("linf", "l2"))

    def forward(
        self, images: Tensor, loss_fn: Callable[[Tensor], Tensor], generator: Generator | None = None
    ) -> Tensor:
        """Images within the ball around ``images`` at which ``loss_fn`` is larger."""
        x = check_images("images", images).detach().float()
        if x.numel() and not 0 <= float(x.min()) <= float(x.max()) <= 1:
            raise ValueError(f"'images' must lie in [0, 1] (got {float(x.min()):.4g} to {float(x.max()):.4g})")
        adversarial = self._project(x + self._start(x, generator), x) if self.random_start else x.clone()
        for _ in range(self.steps):
            adversarial.requires_grad_()
            with torch.enable_grad():
                (gradient,) = torch.autograd.grad(loss_fn(adversarial), adversarial)
            adversarial = self._project(adversarial.detach() + self.step * self._direction(gradient), x)
        return adversarial

    def _start(self, x: Tensor, generator: Generator | None) -> Tensor:
        if self.norm == "linf":
            return torch.empty_like(x).uniform_(-self.eps, self.eps, generator=generator)
        direction = torch.empty_like(x).normal_(generator=generator)
        # The radius of a uniform point of a ball in D dimensions is the D-th root of a uniform number.
        radius = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device).pow(1 / max(x[:1].numel(), 1))
        return self._direction(direction) * (self.eps * radius)

    def _direction(self, gradient: Tensor) -> Tensor:
        return gradient.sign() if self.norm == "linf" else gradient / _length(gradient).clamp(min=1e-30)

    def _project(self, adversarial: Tensor, x: Tensor) -> Tensor:
        if self.norm == "linf":
            near = torch.minimum(torch.maximum(adversarial, x - self.eps), x + self.eps)
        else:
            moved = adversarial - x
            near = x + moved * (self.eps / _length(moved).clamp(min=self.eps))
        return near.clamp_(0, 1)  # moves no pixel away from x, which lies in [0, 1]

    def extra_repr(self) -> str:
        """The settings."""
        return f"eps={self.eps:.4g}, step={self.step:.4g}, steps={self.steps}, norm={self.norm!r}"


@contextmanager
def frozen_statistics(*modules: nn.Module) -> Iterator[None]:
    """Keeps the running statistics of normalization layers as they are.

    Layers in training mode go on normalizing by the statistics of the batch, as in the step that the attack is meant
    for, but record none of them. Layers in evaluation mode are untouched.

    Args:
        *modules (torch.nn.Module): The models.
    """
    layers = {
        layer
        for module in modules
        for layer in module.modules()
        if layer.training and getattr(layer, "track_running_stats", False)
    }
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


def _length(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=(1, 2, 3), keepdim=True)
