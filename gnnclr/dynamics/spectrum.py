"""Augmentation graphs of a whole data set: the joint distribution of positive pairs, and its leading eigenvectors."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn import AlignmentConv
from gnnclr.ops.check import check_count, describe


def joint_distribution(graph: ContrastGraph) -> Tensor:
    r"""The joint distribution of the positive pairs of a graph, the weighted augmentation graph of `"Provable
    Guarantees for Self-Supervised Deep Learning with Spectral Contrastive Loss" <https://arxiv.org/abs/2106.04156>`_.

    .. math:: A_{ij} = \tfrac{1}{2} \left( p_i\, w_{ij} + p_j\, w_{ji} \right)

    with :math:`p_i` equal for all anchors that have positives and :math:`w_{ij}` the weights of the positives of anchor
    :math:`i`, summing to one. So :class:`~gnnclr.nn.AlignmentConv` has the energy
    :math:`-\frac{1}{\tau} \sum_{ij} A_{ij}\, \mathbf{z}_i^\top \mathbf{z}_j`.

    Args:
        graph (ContrastGraph): A graph without a bank. Implicit positives are made explicit.

    Returns:
        Tensor: A sparse symmetric matrix [n, n] in float64 whose entries sum to one.

    Raises:
        ValueError: If the graph has a bank.
    """
    if not isinstance(graph, ContrastGraph) or graph.bank is not None:
        raise ValueError(f"'graph' must be a ContrastGraph without a bank (got {describe(graph)})")
    graph.admit()
    n = graph.num_nodes
    # The weights of the layer itself; they do not depend on the embeddings.
    pairs = AlignmentConv().pairs(torch.zeros(n, 1, dtype=torch.float64, device=graph.sample.device), graph)
    both = torch.cat([pairs.edge_index, pairs.edge_index.flip(0)], dim=1)
    return torch.sparse_coo_tensor(both, pairs.weight.repeat(2) / 2, (n, n), check_invariants=True).coalesce()


#: Up to this many nodes all eigenvectors are computed: that takes under a second, and always converges.
DENSE_NODES = 1000


def augmentation_eigenvectors(joint: Tensor | ContrastGraph, k: int) -> tuple[Tensor, Tensor]:
    r"""The leading eigenvectors of the normalized augmentation graph, from `"Provable Guarantees for Self-Supervised
    Deep Learning with Spectral Contrastive Loss" <https://arxiv.org/abs/2106.04156>`_.

    .. math:: \bar{\mathbf{A}} = \mathbf{D}^{-1/2} \mathbf{A}\, \mathbf{D}^{-1/2}, \qquad D_{ii} = \sum_j A_{ij}

    With :math:`\mathbf{F} = \mathbf{D}^{1/2} f` the embeddings times the root of the probabilities of their nodes, the
    spectral contrastive loss of the population is a matrix factorization,

    .. math::
        -2\, \mathbb{E}_{x, x^+} f(x)^\top f(x^+) + \mathbb{E}_{x, x'} \left( f(x)^\top f(x') \right)^2
        = \| \bar{\mathbf{A}} - \mathbf{F} \mathbf{F}^\top \|_F^2 - \| \bar{\mathbf{A}} \|_F^2,

    so that its minimizers span the leading eigenvectors. The first one is :math:`\mathbf{D}^{1/2} \mathbf{1}`, with
    eigenvalue 1, which is :math:`f` constant.

    Args:
        joint (Tensor or ContrastGraph): The joint distribution of positive pairs, or weights in proportion to it, as a
            dense or sparse symmetric matrix without negative entries; or a graph, for its
            :func:`~gnnclr.dynamics.joint_distribution`.
        k (int): Number of eigenvectors.

    Shapes:
        - **input:** :math:`(n, n)`
        - **output:** eigenvalues :math:`(k)` in descending order, and orthonormal eigenvectors :math:`(n, k)` in their
          columns, both in float64. The largest entry of each is positive.

    Raises:
        ValueError: If the matrix is not square, symmetric and without negative entries, or ``k`` above :math:`n`.
    """
    joint = joint_distribution(joint) if isinstance(joint, ContrastGraph) else _check_joint(joint)
    n = joint.size(0)
    if check_count("k", k) > n:
        raise ValueError(f"'k' must be at most the {n} nodes (got {k})")
    degree = joint.sum(dim=1).to_dense()
    # Nodes that are never drawn keep a row of zeros.
    root = torch.where(degree > 0, degree, 1).rsqrt()
    row, col = joint.indices()
    value = joint.values() * root[row] * root[col]
    if n <= DENSE_NODES or 2 * k > n:
        dense = value.new_zeros(n, n).index_put_((row, col), value, accumulate=True)
        values, vectors = torch.linalg.eigh(dense)
        values, vectors = values.flip(0)[:k], vectors.flip(1)[:, :k]
    else:
        values, vectors = _lanczos(row, col, value, n, k)
    peak = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
    return values, vectors * torch.where(peak < 0, -1.0, 1.0)


def _check_joint(joint: Tensor) -> Tensor:
    square = isinstance(joint, Tensor) and joint.dim() == 2 and joint.size(0) == joint.size(1)
    if not square or not joint.is_floating_point():
        raise ValueError(f"'joint' must be a floating point matrix of shape [n, n] (got {describe(joint)})")
    joint = joint.detach().double()
    joint = (joint if joint.layout == torch.sparse_coo else joint.to_sparse_coo()).coalesce()
    values = joint.values()
    if not bool(((values >= 0) & values.isfinite()).all()):
        raise ValueError(f"'joint' must not be negative or NaN or infinite (got values from {values.min()} on)")
    apart = (joint - joint.t()).coalesce().values().abs()
    if apart.numel() and float(apart.max()) > 1e-5 * float(values.max()):
        raise ValueError(f"'joint' must be symmetric (got entries that differ by {float(apart.max()):g})")
    return joint


def _lanczos(row: Tensor, col: Tensor, value: Tensor, n: int, k: int) -> tuple[Tensor, Tensor]:
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import eigsh

    matrix = csr_array((value.cpu().numpy(), (row.cpu().numpy(), col.cpu().numpy())), shape=(n, n))
    # A start of our own makes the result the same in every call.
    start = np.random.default_rng(0).standard_normal(n)
    values, vectors = eigsh(matrix, k=k, which="LA", v0=start)
    order = values.argsort()[::-1].copy()
    return torch.from_numpy(values[order]).to(value), torch.from_numpy(vectors[:, order]).to(value)
