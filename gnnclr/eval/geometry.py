"""Measures of how embeddings lie on the unit sphere. All need memory linear in the number of rows."""

import math

import torch
from torch import Tensor

from gnnclr.ops import PairSoftmax
from gnnclr.ops.check import check_edges, check_matrix, check_positive
from gnnclr.ops.unit_rows import unit_rows


def alignment(z0: Tensor, z1: Tensor, alpha: float = 2.0) -> Tensor:
    r"""How far apart the views of a sample are, from `"Understanding Contrastive Representation Learning through
    Alignment and Uniformity on the Hypersphere" <https://arxiv.org/abs/2005.10242>`_; 0 is best.

    .. math:: \frac{1}{n} \sum_i \|\mathbf{z}^0_i - \mathbf{z}^1_i\|^{\alpha}

    Args:
        z0 (Tensor): Embeddings of the first view; rows are normalized.
        z1 (Tensor): Embeddings of the second view.
        alpha (float, optional): The exponent. (default: ``2.0``)

    Shapes:
        - **input:** :math:`(n, d)` and :math:`(n, d)`
        - **output:** scalar in :math:`[0, 2^{\alpha}]`
    """
    check_matrix("z0", z0)
    check_matrix("z1", z1, rows=z0.size(0), cols=z0.size(1))
    check_positive("alpha", alpha)
    return (unit_rows(z0) - unit_rows(z1)).norm(dim=1).pow(alpha).mean()


def uniformity(z: Tensor, t: float = 2.0) -> Tensor:
    r"""How evenly embeddings spread over the sphere, from `"Understanding Contrastive Representation Learning through
    Alignment and Uniformity on the Hypersphere" <https://arxiv.org/abs/2005.10242>`_; lower is more even.

    .. math:: \log \frac{1}{n(n-1)} \sum_{i \neq j} e^{-t \|\mathbf{z}_i - \mathbf{z}_j\|^2}

    Args:
        z (Tensor): Embeddings of one view; rows are normalized.
        t (float, optional): Sharpness of the Gaussian potential. (default: ``2.0``)

    Shapes:
        - **input:** :math:`(n, d)`
        - **output:** scalar in :math:`[-4t, 0]`, NaN below two rows
    """
    check_matrix("z", z)
    check_positive("t", t)
    n = z.size(0)
    if n < 2:
        return z.new_full((), math.nan)
    z = unit_rows(z)
    row = torch.arange(n, device=z.device)
    # On the sphere −t‖a − b‖² = 2t⟨a, b⟩ − 2t.
    pairs = PairSoftmax(2 * t * z, z, exclude=(row, row), symmetric=True)
    return pairs.lse.logsumexp(dim=0) - math.log(n * (n - 1)) - 2 * t


@torch.no_grad()
def view_measures(z0: Tensor, z1: Tensor, most: int = 512) -> dict[str, Tensor]:
    """``alignment`` and ``uniformity`` of two views, for logs.

    Args:
        z0 (Tensor): Embeddings of the first view [n, d], of any length.
        z1 (Tensor): Embeddings of the second view [n, d].
        most (int, optional): Of more rows than that, as many evenly spaced ones are measured. (default: ``512``)
    """
    step = max(1, z0.size(0) // most)
    z0, z1 = (z.detach()[::step][:most] for z in (z0, z1))
    return {"alignment": alignment(z0, z1), "uniformity": uniformity(z0)}


def effective_rank(z: Tensor) -> Tensor:
    r"""The exponential of the entropy of the singular values, from `"RankMe: Assessing the Downstream Performance of
    Pretrained Self-Supervised Representations by Their Rank" <https://arxiv.org/abs/2210.02885>`_; 1 is full collapse.

    .. math:: \exp\Bigl(-\sum_k p_k \log p_k\Bigr), \qquad p_k = \sigma_k / \sum_l \sigma_l

    Args:
        z (Tensor): Embeddings, neither centered nor normalized here.

    Shapes:
        - **input:** :math:`(n, d)`
        - **output:** scalar in :math:`[1, \min(n, d)]`, 0 if all entries are 0
    """
    check_matrix("z", z, finite=True)
    sigma = torch.linalg.svdvals(z.detach().float())
    p = sigma / sigma.sum().clamp(min=torch.finfo(sigma.dtype).tiny)
    return torch.special.entr(p).sum().exp() * (sigma.sum() > 0)


def positive_similarity(z: Tensor, edge_index: Tensor) -> Tensor:
    """The mean cosine similarity of the pairs in ``edge_index`` [2, e]; NaN without a pair.

    Args:
        z (Tensor): Embeddings [n, d].
        edge_index (Tensor): The pairs, as in the positives of a contrastive batch.
    """
    check_matrix("z", z)
    edge_index = check_edges(edge_index, z.size(0))
    z = unit_rows(z)
    total = sum((z[i] * z[j]).sum() for i, j in edge_index.split(1 << 16, dim=1))
    return (
        torch.as_tensor(total, dtype=z.dtype) / edge_index.size(1) if edge_index.size(1) else z.new_full((), math.nan)
    )


def negative_similarity(z: Tensor) -> Tensor:
    r"""The mean cosine similarity of all pairs of different rows; NaN below two rows.

    .. math:: \frac{1}{n(n-1)} \Bigl(\bigl\|\sum_i \mathbf{z}_i\bigr\|^2 - \sum_i \|\mathbf{z}_i\|^2\Bigr)

    Args:
        z (Tensor): Embeddings [n, d].
    """
    check_matrix("z", z)
    n = z.size(0)
    if n < 2:
        return z.new_full((), math.nan)
    z = unit_rows(z).double()
    return ((z.sum(dim=0).square().sum() - z.square().sum()) / (n * (n - 1))).float()
