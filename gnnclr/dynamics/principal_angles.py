"""Angles between two subspaces."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_matrix


def principal_angles(a: Tensor, b: Tensor) -> Tensor:
    r"""The principal angles between the column spaces of two matrices, by `"Numerical Methods for Computing Angles
    Between Linear Subspaces" <https://doi.org/10.1090/S0025-5718-1973-0348991-3>`_.

    With orthonormal bases :math:`\mathbf{Q}_a, \mathbf{Q}_b` and singular values :math:`\sigma_i` of a matrix in
    descending and :math:`\varsigma_i` in ascending order,

    .. math::
        \cos \theta_i = \sigma_i(\mathbf{Q}_a^\top \mathbf{Q}_b), \qquad
        \sin \theta_i = \varsigma_i\big((\mathbf{I} - \mathbf{Q}_a \mathbf{Q}_a^\top) \mathbf{Q}_b\big)

    and the angle is read from the sine where the cosine is near one, so that small angles keep their digits; half of
    them are lost in some angles of :func:`scipy.linalg.subspace_angles`.

    Args:
        a (Tensor): One matrix. Columns may depend on each other; only their span counts.
        b (Tensor): The other one.

    Shapes:
        - **input:** :math:`(n, k)` and :math:`(n, l)`
        - **output:** angles in ascending order :math:`(r)`, in :math:`[0, \pi/2]` and float64, with :math:`r` the
          smaller of the two ranks

    Raises:
        ValueError: If an argument is no finite matrix, or they have different numbers of rows.
    """
    check_matrix("a", a, finite=True)
    check_matrix("b", b, finite=True, rows=a.size(0))
    large, small = sorted((_basis(a), _basis(b)), key=lambda q: q.size(1), reverse=True)
    common = large.t() @ small
    cosine = torch.linalg.svdvals(common).clamp(max=1)
    sine = torch.linalg.svdvals(small - large @ common).clamp(max=1).flip(0)
    return torch.where(cosine.square() >= 0.5, sine.asin(), cosine.acos())


def _basis(x: Tensor) -> Tensor:
    """An orthonormal basis of the column space [n, rank]."""
    u, sigma, _ = torch.linalg.svd(x.detach().double(), full_matrices=False)
    if sigma.numel() == 0:
        return u
    # A dependent column leaves a rest by rounding in the dtype of the data, which is no direction.
    return u[:, sigma > sigma[0] * x.size(1) * torch.finfo(x.dtype).eps]
