"""The graph of neighbors of all training examples follows the encoder."""

from collections.abc import Callable
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor, nn

from gnnclr.graph import DataNeighborRewiring, DataNeighbors
from gnnclr.ops.check import describe
from gnnclr.train.method_parts import method_parts


def check_neighbors(neighbors: Any) -> DataNeighbors | None:
    """Returns the ``neighbors`` of data, and raises a :class:`ValueError` if they are something else.

    Args:
        neighbors (DataNeighbors): The graph of neighbors, or ``None``.
    """
    if neighbors is not None and not isinstance(neighbors, DataNeighbors):
        raise ValueError(f"'data.neighbors' must be DataNeighbors (got {describe(neighbors)})")
    return neighbors


def check_rewirings(method: nn.Module, neighbors: DataNeighbors | None, in_batches: bool = False) -> None:
    """Raises a :class:`ValueError` if a rewiring of ``method`` takes neighbors that data do not find, or if they are
    found for nothing.

    Args:
        method (torch.nn.Module): The method.
        neighbors (DataNeighbors): The graph of neighbors, or ``None``.
        in_batches (bool, optional): Whether batches are made by it. (default: ``False``)
    """
    found = _rewirings(method)
    if neighbors is None and found:
        raise ValueError(f"'data.neighbors' must be DataNeighbors for {type(found[0]).__name__} (got None)")
    if neighbors is not None and not found and not in_batches:
        raise ValueError(
            f"'data.neighbors' must be None without a DataNeighborRewiring or NeighborhoodBatches (got {neighbors})"
        )


def follow_neighbors(
    method: nn.Module,
    neighbors: DataNeighbors,
    epoch: int,
    embed: Callable[[], Tensor],
    device: Any,
    trainer: Trainer | None = None,
) -> None:
    """Makes the graph of neighbors of an epoch where it is due, on the first process for all, as embeddings of several
    need not agree to the last bit, and gives it to the rewirings of the method.

    Args:
        method (torch.nn.Module): The method.
        neighbors (DataNeighbors): The graph.
        epoch (int): The epoch that begins.
        embed (callable): Makes the embeddings of all training examples.
        device (torch.device): Where rewirings need it.
        trainer (Trainer, optional): The trainer of several processes. (default: ``None``)
    """
    if neighbors.is_due(epoch):
        first = trainer is None or trainer.is_global_zero
        state = neighbors.find(embed(), epoch).state_dict() if first else None
        if trainer is not None and trainer.world_size > 1:
            neighbors.load_state_dict(trainer.strategy.broadcast(state))
    edge_index = neighbors.edge_index.to(device)
    for rewire in _rewirings(method):
        rewire.bind(edge_index)


def _rewirings(method: nn.Module) -> list[DataNeighborRewiring]:
    return [part for part in method_parts(method) if isinstance(part, DataNeighborRewiring)]
