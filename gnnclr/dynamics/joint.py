"""The joint distribution of positive pairs."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn import AlignmentConv
from gnnclr.ops.check import describe


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
