"""Keys of earlier batches, which a loss remembers by itself."""

from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.graph import Bank, ContrastGraph, FeatureBank
from gnnclr.ops.check import check_count, describe
from gnnclr.ops.unit_rows import normalize


class KeyMemory(nn.Module):
    """A queue of keys that repel in later batches, beside the negatives of the batch: in the first step there are only
    those. The rows are those of all processes, in the order of their ranks, and are saved with the loss.

    Args:
        size (int or tuple): The number of keys; or that and their width, which otherwise is that of the first keys.
    """

    def __init__(self, size: int | tuple[int, int]):
        super().__init__()
        sizes = (size,) if isinstance(size, int) else tuple(size) if isinstance(size, (list, tuple)) else ()
        if len(sizes) not in (1, 2):
            raise ValueError(f"'memory_bank_size' must be a number of rows, or that and a width (got {describe(size)})")
        self.size: int = check_count("memory_bank_size", sizes[0])
        self.bank: FeatureBank | None = None
        if len(sizes) == 2:
            self.bank = FeatureBank(self.size, check_count("memory_bank_size", sizes[1]))

    def add_to(self, graph: ContrastGraph) -> ContrastGraph:
        """The graph of a batch with the keys as its bank, which the rule of the graph may take."""
        if self.bank is not None and len(self.bank):
            graph.bank = Bank(self.bank.features.to(graph.sample.device))
        return graph

    @torch.no_grad()
    def remember(self, key: Tensor) -> None:
        """Writes the keys of a batch, over the oldest ones. On several processes, all of them must call."""
        if self.bank is None:
            self.bank = FeatureBank(self.size, key.size(1)).to(key.device)
        self.bank.update(normalize(key.detach().float()), gather=True)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        storage = state_dict.get(f"{prefix}bank.storage")
        if self.bank is None and storage is not None:
            self.bank = FeatureBank(self.size, storage.size(1)).to(storage.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def key_memory(size: int | tuple[int, int]) -> KeyMemory | None:
    """The memory of a loss, or ``None`` for a size of zero."""
    return None if isinstance(size, int) and not isinstance(size, bool) and size == 0 else KeyMemory(size)
