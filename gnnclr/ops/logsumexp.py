"""The log-sum-exp over pairs as a differentiable function."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.no_double_backward import no_double_backward
from gnnclr.ops.pair_softmax import PairSoftmax


class _PairLogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, options: dict[str, Any]) -> Tensor:
        pairs = PairSoftmax(q, k, **options)
        ctx.pairs, ctx.dtypes = pairs, (q.dtype, k.dtype)
        ctx.save_for_backward(q, k)
        return pairs.lse.clone()  # what is returned refers to ctx, and ctx to pairs

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        _ = ctx.saved_tensors  # the engine may share their memory: this refuses inputs that were changed since
        to_q, to_k = ctx.pairs.messages(grad)
        scale = ctx.pairs.scale
        return (to_q * scale).to(ctx.dtypes[0]), (to_k * scale).to(ctx.dtypes[1]), None


class _SymmetricLogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, options: dict[str, Any]) -> Tensor:
        ctx.pairs, ctx.dtype = PairSoftmax(x, x, symmetric=True, **options), x.dtype
        ctx.save_for_backward(x)
        return ctx.pairs.lse.clone()

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        _ = ctx.saved_tensors
        return (ctx.pairs.message(grad) * ctx.pairs.scale).to(ctx.dtype), None


def pair_logsumexp(
    q: Tensor,
    k: Tensor | None = None,
    *,
    scale: float = 1.0,
    exclude: tuple[Tensor, Tensor] | None = None,
    exclude_pairs: Tensor | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""Differentiable :math:`\ell_i = \log \sum_{j \in \mathcal{N}(i)} e^{\kappa\, \mathbf{q}_i^\top \mathbf{k}_j}`, in
    linear memory forward and backward.

    Args:
        q (Tensor): Queries [n, d].
        k (Tensor, optional): Keys [m, d]. Without keys the queries are their own keys, at half the work. (default:
            ``None``)
        scale (float, optional): The factor :math:`\kappa`. (default: ``1.0``)
        exclude (tuple, optional): Groups of queries [n] and keys [m]; pairs of equal group take no part. (default:
            ``None``)
        exclude_pairs (Tensor, optional): Further pairs [2, p] that take no part. (default: ``None``)
        impl (str, optional): See :class:`~gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **output:** :math:`(n)`, float32 (float64 for float64 inputs); minus infinity where nothing is left
    """
    options = {"scale": scale, "exclude": exclude, "exclude_pairs": exclude_pairs, "impl": impl}
    return _SymmetricLogSumExp.apply(q, options) if k is None else _PairLogSumExp.apply(q, k, options)


def append_log_weight(
    q: Tensor, k: Tensor, log_weight: tuple[Tensor, Tensor], scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    r"""Adds :math:`\langle \mathbf{a}_i, \mathbf{b}_j \rangle` to every logit
    :math:`\kappa\, \mathbf{q}_i^\top \mathbf{k}_j`, as columns of queries and keys.

    A bias per key is the case :math:`\mathbf{a} = 1`, :math:`\mathbf{b}` = bias. Negatives of the same community
    weighted by :math:`\rho` are the case
    :math:`\mathbf{a}` = one-hot community times :math:`\log \rho`, :math:`\mathbf{b}` = one-hot community.

    Args:
        q (Tensor): Queries [n, d].
        k (Tensor): Keys [m, d].
        log_weight (tuple): :math:`\mathbf{a}` [n, r] and :math:`\mathbf{b}` [m, r].
        scale (float, optional): The factor :math:`\kappa` that the logits will get. (default: ``1.0``)

    Shapes:
        - **output:** :math:`(n, d + r)` and :math:`(m, d + r)`
    """
    a, b = log_weight
    for name, x, rows in (("log_weight[0]", a, q.size(0)), ("log_weight[1]", b, k.size(0))):
        if x.dim() != 2 or x.size(0) != rows or x.size(1) != a.size(1):
            raise ValueError(
                f"'{name}' must have shape [{rows}, {a.size(1) if a.dim() == 2 else 'r'}] (got {list(x.shape)})"
            )
    dtype = torch.promote_types(q.dtype, torch.float32)
    return torch.cat([q.to(dtype), a.to(dtype) / scale], dim=1), torch.cat([k.to(dtype), b.to(dtype)], dim=1)
