"""Features as matrices of SciPy, for transforms by scikit-learn."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def scipy_features(x: Tensor) -> "csr_matrix":
    """The entries of features that are not zero, in float32 at least.

    Args:
        x (Tensor): Dense or sparse CSR features [n, F].
    """
    from scipy.sparse import csr_matrix

    x = x.detach().cpu().to(torch.promote_types(x.dtype, torch.float32))
    if x.layout == torch.strided:
        return csr_matrix(x.numpy())
    parts = (x.values(), x.col_indices(), x.crow_indices())
    # A copy: zeros that are stored must not go from the tensor too.
    matrix = csr_matrix(tuple(part.numpy() for part in parts), shape=tuple(x.shape), copy=True)
    matrix.eliminate_zeros()
    return matrix
