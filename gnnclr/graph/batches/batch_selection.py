"""The base of rules that choose an epoch's batches."""

from typing import ClassVar

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_index, check_matrix


class BatchSelection:
    """Base class of rules that turn the random order of an epoch into batches, by the latest embeddings.

    The order is a function of the seed and the epoch, and the rule draws nothing from the global generator: batches
    are a function of seed, epoch and embeddings. Without embeddings they are consecutive slices of the order, as
    without a rule. All batches have ``batch_size`` samples, but the last one may have fewer.

    A subclass writes :meth:`select`, and :meth:`num_batches` where it leaves samples out.
    """

    #: Whether the rule takes the graph of neighbors of all samples, by ``set_neighbors``, in place of embeddings.
    needs_neighbors: ClassVar[bool] = False

    def __init__(self) -> None:
        self.embeddings: tuple[Tensor, Tensor] | None = None

    def set_embeddings(self, z0: Tensor, z1: Tensor) -> "BatchSelection":
        """Takes new embeddings of two views of all samples, as found at the start of an epoch, and returns the rule.

        Args:
            z0 (Tensor): Embeddings of the first view, row by row those of the samples of the data :math:`(N, d)`.
            z1 (Tensor): Embeddings of the second view :math:`(N, d)`.
        """
        check_matrix("z0", z0, finite=True)
        check_matrix("z1", z1, finite=True, rows=z0.size(0), cols=z0.size(1))
        self.embeddings = (z0.detach(), z1.detach())
        return self

    def set_neighbors(self, neighbor: Tensor) -> "BatchSelection":
        """Takes the neighbors of each sample [N, k], in rules that need them."""
        raise NotImplementedError

    def batches(self, order: Tensor, batch_size: int) -> list[Tensor]:
        """The batches of an epoch.

        Args:
            order (Tensor): The samples of the epoch in random order :math:`(n)`.
            batch_size (int): Samples of a batch.

        Returns:
            list: The samples of each batch, int64.
        """
        order = check_index("order", order, "n")
        check_count("batch_size", batch_size)
        if self.embeddings is not None and order.numel():
            rows = self.embeddings[0].size(0)
            if int(order.min()) < 0 or int(order.max()) >= rows:
                raise ValueError(f"'order' must be below the {rows} rows of the embeddings (got {int(order.max())})")
        with torch.no_grad():
            return [batch for batch in self.select(order, batch_size) if batch.numel()]

    def num_batches(self, num_samples: int, batch_size: int) -> int:
        """The number of batches that :meth:`batches` makes of ``num_samples`` samples."""
        return -(-num_samples // batch_size)

    def select(self, order: Tensor, batch_size: int) -> list[Tensor]:
        """The batches of checked arguments; :attr:`embeddings` may be missing."""
        raise NotImplementedError

    def of(self, samples: Tensor) -> list[Tensor]:
        """The embeddings of both views of some samples, in float32 at least."""
        return [z[samples.to(z.device)].to(torch.promote_types(z.dtype, torch.float32)) for z in self.embeddings]
