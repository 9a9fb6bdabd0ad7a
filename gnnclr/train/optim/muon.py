"""The optimizer whose steps of matrices are orthogonal."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_number
from gnnclr.train.optim.each_weight import EachWeightOptimizer

#: Coefficients of σ, σ³ and σ⁵, by the authors of the method: they lift small singular values as fast as can be.
QUINTIC = (3.4445, -4.7750, 2.0315)


class Muon(EachWeightOptimizer):
    r"""The optimizer of `"Muon: An optimizer for hidden layers in neural networks"
    <https://kellerjordan.github.io/posts/muon/>`_: a step moves all directions of a weight matrix alike, where
    the gradient itself is of few directions. Written here as PyTorch's takes matrices alone, and neither the filters of
    convolutions nor biases.

    .. math::
        \mathbf{M} \leftarrow \mu \mathbf{M} + (1 - \mu)\, \mathbf{G}, \qquad
        \mathbf{W} \leftarrow (1 - \eta \lambda)\, \mathbf{W} - 0.2\, \eta \sqrt{\max(m, n)}\;
        \mathrm{orth}\big( (1 - \mu)\, \mathbf{G} + \mu \mathbf{M} \big)

    for weights :math:`m \times n` with gradients :math:`\mathbf{G}`; filters are matrices of one row for each channel
    that they give. :math:`\mathrm{orth}(\mathbf{U} \boldsymbol{\Sigma} \mathbf{V}^\top)` is
    :math:`\mathbf{U}\, p(\boldsymbol{\Sigma} / \|\boldsymbol{\Sigma}\|_F)\, \mathbf{V}^\top` with the polynomial
    :math:`p` that the authors iterate, which takes singular values to about one; no decomposition is needed. The
    factor gives steps as long as those of AdamW, after `"Muon is Scalable for LLM Training"
    <https://arxiv.org/abs/2502.16982>`_. Vectors and scalars (biases, norm scales) move as by AdamW with the same
    rate.

    Args:
        params (iterable): Parameters, or parameter groups.
        lr (float, optional): The learning rate :math:`\eta`. (default: ``0.01``)
        momentum (float, optional): The momentum :math:`\mu` of matrices. (default: ``0.95``)
        weight_decay (float, optional): The weight decay :math:`\lambda`. (default: ``0.0``)
        steps (int, optional): How often the polynomial is iterated. (default: ``5``)
        betas (tuple[float, float], optional): The two averages of vectors, as of AdamW. (default: ``(0.9, 0.999)``)
        eps (float, optional): Keeps the denominator of vectors from zero. (default: ``1e-8``)

    Raises:
        ValueError: If a setting is out of its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 5,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        for name, value in {"lr": lr, "weight_decay": weight_decay, "eps": eps}.items():
            check_number(name, value, least=0)
        for name, value in {"momentum": momentum, "betas[0]": betas[0], "betas[1]": betas[1]}.items():
            check_number(name, value, least=0, below=1)
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, settings | {"steps": check_count("steps", steps), "betas": betas, "eps": eps})

    def move(self, weight: Tensor, slope: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Moves a matrix by an orthogonal step, a vector or a scalar as AdamW does."""
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        (self._move_matrix if weight.dim() > 1 else self._move_vector)(weight, slope, state, group)

    @staticmethod
    def _move_matrix(weight: Tensor, slope: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        mean = state["momentum"].lerp_(slope, 1 - group["momentum"])
        update = orthogonalized(slope.lerp(mean, group["momentum"]).flatten(1), group["steps"])
        length = 0.2 * math.sqrt(max(update.shape))
        weight.sub_(update.reshape(weight.shape), alpha=group["lr"] * length)

    @staticmethod
    def _move_vector(weight: Tensor, slope: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state |= {"mean": torch.zeros_like(weight), "square": torch.zeros_like(weight), "count": 0}
        state["count"] += 1
        first, second = group["betas"]
        state["mean"].lerp_(slope, 1 - first)
        state["square"].mul_(second).addcmul_(slope, slope, value=1 - second)
        root = (state["square"] / (1 - second ** state["count"])).sqrt_().add_(group["eps"])
        weight.addcdiv_(state["mean"], root, value=-group["lr"] / (1 - first ** state["count"]))


def orthogonalized(matrix: Tensor, steps: int = 5) -> Tensor:
    r"""A matrix with the singular vectors of ``matrix``, and singular values of about one.

    Each step takes :math:`\mathbf{X}` to :math:`(a + b\, \mathbf{A} + c\, \mathbf{A}^2)\, \mathbf{X}` with
    :math:`\mathbf{A} = \mathbf{X} \mathbf{X}^\top`. The steps are taken by the square matrices alone, whose product
    meets :math:`\mathbf{X}` once: wide matrices, as filters are, take less than half of the time.

    Args:
        matrix (Tensor): The matrix :math:`m \times n`.
        steps (int, optional): The number of steps. (default: ``5``)

    Returns:
        Tensor: The matrix of the same shape and type. Less than single precision is not used on the way. Zeros stay.
    """
    x = matrix.to(torch.promote_types(matrix.dtype, torch.float32))
    x = x / torch.linalg.matrix_norm(x).clamp(min=torch.finfo(x.dtype).tiny)
    wide = x if x.size(0) <= x.size(1) else x.mT
    a, b, c = QUINTIC
    gram = wide @ wide.mT
    product: Tensor | None = None
    for step in range(steps):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if step + 1 < steps:
            gram = factor @ gram @ factor
    assert product is not None
    result = product @ wide
    return (result if wide is x else result.mT).to(matrix.dtype)
