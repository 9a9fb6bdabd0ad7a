"""The batches of highest loss among random ones."""

import torch
from torch import Tensor, nn

from gnnclr.graph.batches.batch_selection import BatchSelection
from gnnclr.ops.check import check_count, describe


class HighLossBatches(BatchSelection):
    r"""Of every :math:`k` random batches the :math:`q` of highest loss, which is what `"Ordered SGD"
    <https://arxiv.org/abs/1907.04371>`_ makes of samples, and `"Mini-Batch Optimization of Contrastive Loss"
    <https://arxiv.org/abs/2307.05906>`_ compares :class:`SpectralBatches` with.

    Losses are those of the stored embeddings. An epoch is shorter by :math:`q / k`, and samples that fill no batch are
    left out.

    Args:
        loss (torch.nn.Module): The loss ``loss(z0, z1)`` of a batch, such as :class:`~gnnclr.losses.NTXentLoss`.
        k (int, optional): Random batches. Of the last ones, which may be fewer, the same share is kept, rounded up.
            (default: ``1500``)
        q (int, optional): Batches to keep, up to :obj:`k`. (default: ``150``)
    """

    def __init__(self, loss: nn.Module, k: int = 1500, q: int = 150):
        super().__init__()
        self.loss: nn.Module = loss
        self.k: int = check_count("k", k)
        self.q: int = check_count("q", q)
        if q > k:
            raise ValueError(f"'q' must be at most 'k' = {k} (got {describe(q)})")

    def num_batches(self, num_samples: int, batch_size: int) -> int:
        """The number of batches that are kept; a data set that fills no batch is one."""
        full = num_samples // batch_size
        if full == 0:
            return int(num_samples > 0)
        return full // self.k * self.q + self._kept(full % self.k)

    def select(self, order: Tensor, batch_size: int) -> list[Tensor]:
        """The batches that are kept, in random order."""
        full = order.numel() // batch_size
        if full == 0:
            return [order]
        batches = order[: full * batch_size].view(full, batch_size)
        # The first ones, as long as there are no embeddings.
        loss = torch.zeros(full) if self.embeddings is None else self._losses(batches)
        kept = []
        for start in range(0, full, self.k):
            group = loss[start : start + self.k]
            top = group.argsort(descending=True, stable=True)[: self._kept(len(group))]
            kept.append(top.sort().values + start)
        return list(batches[torch.cat(kept)])

    def _losses(self, batches: Tensor) -> Tensor:
        return torch.stack([self.loss(*self.of(batch)).float().cpu() for batch in batches])

    def _kept(self, count: int) -> int:
        return -(-count * self.q // self.k)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.loss).__name__}, k={self.k}, q={self.q})"
