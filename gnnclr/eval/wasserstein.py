"""Distance between the similarities of embeddings and those of uniform points."""

import math

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_matrix
from gnnclr.ops.tiles import slices, tile_size
from gnnclr.ops.unit_rows import unit_rows


@torch.no_grad()
def wasserstein_uniformity(z: Tensor, bins: int = 1 << 16) -> Tensor:
    r"""The Wasserstein distance between the cosine similarities of different rows and those of independent uniform
    points of the sphere, from `"Bridging Mini-Batch and Asymptotic Analysis in Contrastive Learning: From InfoNCE to
    Kernel-Based Losses" <https://arxiv.org/abs/2405.18045>`_; 0 is best.

    .. math::
        W_1 = \int_{-1}^{1} |F(s) - G(s)| \, ds, \qquad
        G'(s) = \frac{\Gamma(d/2)}{\sqrt{\pi}\, \Gamma((d-1)/2)} (1 - s^2)^{(d-3)/2}

    with :math:`F` the empirical distribution of :math:`\mathbf{z}_i^\top \mathbf{z}_j`, :math:`i < j`, and :math:`G`
    the law of :math:`2B - 1` with :math:`B \sim \mathrm{Beta}(\frac{d-1}{2}, \frac{d-1}{2})`; on a line (:math:`d = 1`)
    that is :math:`\pm 1` with equal odds. :math:`G` is exact, nothing is sampled. Similarities are counted tile by tile
    in bins of width :math:`h = 2 / \text{bins}` and both distributions taken as linear within a bin, which moves the
    result by at most :math:`h`. Unlike :func:`~gnnclr.eval.uniformity`, it also sees that points are spread more evenly
    than by chance. :func:`scipy.stats.wasserstein_distance` wants all :math:`n^2` similarities, and samples of
    :math:`G`.

    Args:
        z (Tensor): Embeddings of one view; rows are normalized.
        bins (int, optional): Number of bins. (default: ``65536``, an error of at most 3e-5)

    Shapes:
        - **input:** :math:`(n, d)`
        - **output:** scalar in :math:`[0, 1]`, NaN below two rows

    Raises:
        ValueError: If ``z`` is no finite matrix or ``bins`` no positive integer.
    """
    check_matrix("z", z, finite=True)
    check_count("bins", bins)
    z = unit_rows(z)
    n, d = z.shape
    if n < 2:
        return z.new_full((), math.nan)
    at_most = _count(z, bins).cumsum(0).double() / (n * (n - 1) // 2)
    empirical = torch.nn.functional.pad(at_most, (1, 0))
    gap = empirical - _uniform_cdf(d, bins).to(empirical)
    left, right = gap[:-1], gap[1:]
    # The integral of the absolute value of a linear function over a bin of width one, with or without a change of sign.
    total = left.abs() + right.abs()
    crossing = (left.square() + right.square()) / total.clamp(min=torch.finfo(total.dtype).tiny)
    area = torch.where(left * right < 0, crossing, total) / 2
    return (area.sum() * (2 / bins)).to(z.dtype)


def _count(z: Tensor, bins: int) -> Tensor:
    """How many of the similarities of rows i < j lie in each of the bins that divide [-1, 1]."""
    counts = torch.zeros(bins, dtype=torch.int64, device=z.device)
    blocks = list(slices(z.size(0), tile_size(z)))
    for i, rows in enumerate(blocks):
        for cols in blocks[i:]:
            s = z[rows] @ z[cols].t()
            if cols.start == rows.start:
                s = s[torch.ones_like(s, dtype=torch.bool).triu_(1)]
            position = s.add_(1).mul_(bins / 2).long().clamp_(0, bins - 1)
            counts += torch.bincount(position.view(-1), minlength=bins)
    return counts


def _uniform_cdf(d: int, bins: int) -> Tensor:
    """The distribution function of the dot product of uniform points of the sphere at the edges of the bins."""
    if d == 1:  # all mass on the ends: a half below every inner point
        return torch.full((bins + 1,), 0.5, dtype=torch.float64)
    from scipy.special import betainc

    a = (d - 1) / 2
    return torch.from_numpy(betainc(a, a, torch.linspace(0, 1, bins + 1, dtype=torch.float64).numpy()))
