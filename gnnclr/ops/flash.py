"""Softmax messages by the fused attention kernels that return their log-sum-exp."""

import functools
import warnings
from functools import reduce
from operator import add

import torch
from torch import Tensor
from torch.nn.functional import pad

from gnnclr.ops.dense import DensePairs
from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.tiles import slices

#: Queries of one call: the CPU kernel runs at full speed from 768 rows on, that for GPUs shares rows among processors.
CHUNK = {"cpu": 1024, "cuda": 4096}
#: The kernels for GPUs want a number of columns that is a multiple of it.
ALIGNMENT = 8


def attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    r"""Softmax attention without scaling: :math:`\mathrm{softmax}(\mathbf{q}\mathbf{k}^\top)\mathbf{v}` and its
    log-sum-exp.

    The kernels are private to torch, and may move: call this only where :func:`available` holds.

    Shapes:
        - **input:** queries [n, d], keys and values [m, d]
        - **output:** [n, d] and [n]
    """
    q, k, v = (x[None, None] for x in (q, k, v))
    if q.device.type == "cpu":
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, False, scale=1.0)
    else:
        q, k, padded = (pad(x, (0, -x.size(3) % ALIGNMENT)) for x in (q, k, v))
        out, lse, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(q, k, padded, None, True, scale=1.0)
    return out[0, 0, :, : v.size(3)], lse[0, 0, : q.size(2)]


def _merge(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Joins attention over disjoint sets of keys."""
    if len(parts) == 1:
        return parts[0]
    lse = torch.logsumexp(torch.stack([part for _, part in parts]), dim=0)
    pivot = lse.masked_fill(lse == float("-inf"), 0)
    return reduce(add, (out * (part - pivot).exp().unsqueeze(1) for out, part in parts)), lse


def _attend(q: Tensor, k: Tensor, v: Tensor, exclusion: Exclusion) -> tuple[Tensor, Tensor]:
    """Attention in which pairs of equal group take no part: fused outside their block, masked inside."""
    out, lse = torch.zeros_like(q[:, : v.size(1)]), q.new_full((q.size(0),), float("-inf"))
    chunk = CHUNK.get(q.device.type, CHUNK["cuda"])
    for rows in slices(q.size(0), chunk):
        lo, hi = exclusion.key_range(rows)
        parts = [
            attention(q[rows], k[side], v[side])
            for side in (slice(0, lo), slice(hi, k.size(0)))
            if side.stop > side.start
        ]
        for cols in slices(hi - lo, 16 * 1024):
            cols = slice(lo + cols.start, lo + cols.stop)
            if not exclusion.covers(rows, cols):
                s = exclusion.mask_(q[rows] @ k[cols].t(), rows, cols, value=float("-inf"))
                block = torch.logsumexp(s, dim=1)
                p = s.sub_(block.masked_fill(block == float("-inf"), 0).unsqueeze(1)).exp_()
                parts.append((p @ v[cols], block))
        if parts:
            out[rows], lse[rows] = _merge(parts)
    return out, lse


class FlashPairs:
    r"""The row softmax and its messages by two forward calls of an attention kernel; no n×n matrix and no backward
    kernel.

    :math:`\mathbf{P}\mathbf{k}` is attention. With :math:`\ell_i` its log-sum-exp, :math:`\mathbf{P}^\top(w\mathbf{q})`
    is attention too: keys ask,
    queries answer with values :math:`w_i\mathbf{q}_i`, and a bias :math:`-\ell_i` per query, which is one more column.
    """

    def __init__(self, q: Tensor, k: Tensor, exclusion: Exclusion, scale: float = 1.0):
        self.q: Tensor = q
        self.k: Tensor = k
        self.exclusion: Exclusion = exclusion
        self.scale: float = scale
        self._out, lse = _attend(q * scale, k, k, exclusion)
        self.lse: Tensor = lse

    def messages(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted messages to queries and keys."""
        none = self.lse == float("-inf")
        bias = -self.lse.masked_fill(none, 0)
        asks = torch.cat([self.k, self.k.new_ones(self.k.size(0), 1)], dim=1)
        answers = torch.cat([self.q * self.scale, bias.unsqueeze(1)], dim=1)
        values = torch.cat([self.q * weight.unsqueeze(1), torch.zeros_like(bias).unsqueeze(1)], dim=1)
        out, lse = _attend(asks, answers, values, self.exclusion.transpose())
        return self._out * weight.unsqueeze(1), out[:, :-1] * lse.exp().unsqueeze(1)


@functools.cache
def available(device: str, dtype: torch.dtype) -> bool:
    """Whether the attention kernel exists here and agrees with the reference: checked once for each device and
    dtype."""
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(n, 8, generator=generator).to(device, dtype) for n in (40, 37))
    groups = torch.arange(40, device=device) // 3, torch.arange(37, device=device) // 3
    weight = torch.rand(40, generator=generator).to(device, dtype)
    try:
        flash, dense = (kind(q, k, Exclusion(*groups)) for kind in (FlashPairs, DensePairs))
        pairs = [(flash.lse, dense.lse), *zip(flash.messages(weight), dense.messages(weight))]
        return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in pairs)
    except (AttributeError, RuntimeError, NotImplementedError, TypeError) as error:
        warnings.warn(
            f"The fused attention kernel cannot be used on {device} ({error}): tiles take its place", stacklevel=2
        )
        return False
