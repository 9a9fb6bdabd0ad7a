"""Batches of nodes and neighbors sampled around them."""

from collections.abc import Sequence
from typing import Any

import torch_geometric.typing
from torch.utils.data import DataLoader
from torch_geometric.data import Data

from gnnclr.node.datasets.data import check_node_data
from gnnclr.ops.check import check_count


def neighbor_batches(
    data: Data, num_neighbors: Sequence[int] = (15, 10), batch_size: int = 1024, **kwargs: Any
) -> DataLoader[Data]:
    """Batches by the neighbor sampling of `"Inductive Representation Learning on Large Graphs"
    <https://arxiv.org/abs/1706.02216>`_, from :class:`torch_geometric.loader.NeighborLoader`.

    The first ``batch.batch_size`` nodes are those around which neighbors were sampled; a method contrasts all nodes of
    the batch. The order is drawn from the global generator, and is not resumable: where that matters, or the packages
    are missing, take :class:`~gnnclr.node.CommunityLoader`.

    Args:
        data (Data): The graph, with dense features.
        num_neighbors (sequence, optional): Neighbors to sample of each node, hop by hop. (default: ``(15, 10)``)
        batch_size (int, optional): Nodes around which neighbors are sampled. (default: ``1024``)
        **kwargs (optional): Further arguments of the loader.

    Returns:
        NeighborLoader: Iterating gives :class:`~torch_geometric.data.Data` with ``n_id``.

    Raises:
        ImportError: If neither pyg-lib nor torch-sparse is installed, one of which PyG samples with.
    """
    data = check_node_data(data)
    check_count("batch_size", batch_size)
    if not (torch_geometric.typing.WITH_PYG_LIB or torch_geometric.typing.WITH_TORCH_SPARSE):
        raise ImportError(
            "neighbor sampling needs 'pyg-lib' or 'torch-sparse', compiled for the installed torch: see "
            "https://pytorch-geometric.readthedocs.io/en/latest/install/installation.html. 'CommunityLoader' and "
            "'RandomNodeLoader' need neither"
        )
    from torch_geometric.loader import NeighborLoader

    return NeighborLoader(data, list(num_neighbors), batch_size=batch_size, **{"shuffle": True} | kwargs)
