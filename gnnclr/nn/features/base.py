"""The base of updates over features."""

from itertools import combinations

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops.value_only import value_only


class FeatureConv(PairConv):
    r"""Base class of layers that compare views feature by feature: their messages are the views times a :math:`d \times
    d` matrix, so neither a negative nor an :math:`n \times n` matrix is needed.

    A subclass writes :meth:`between`, the energy of two views and its gradients. Views are taken from ``graph.view``
    and aligned by ``graph.sample``; the energy is the mean over pairs of views. Embeddings are used as they are, not
    normalized by rows.
    """

    def between(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The energy of two views [n, d], and its gradients by both where they are wanted."""
        raise NotImplementedError

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        rows = self._rows(graph)
        energy, message = z.new_zeros(()), torch.zeros_like(z)
        pairs = list(combinations(rows, 2))
        for a, b in pairs:
            value, by_x, by_y = self.between(z[a], z[b])
            energy = energy + value / len(pairs)
            if value_only():
                continue
            message.index_add_(0, a, by_x, alpha=-1 / len(pairs))
            message.index_add_(0, b, by_y, alpha=-1 / len(pairs))
        return Update(energy) if value_only() else Update(energy, message)

    def _rows(self, graph: ContrastGraph) -> list[Tensor]:
        """The nodes of each view, in order of samples."""
        order = torch.argsort(graph.sample, stable=True)
        rows = [order[graph.view[order] == v] for v in range(graph.num_views)]
        samples = [graph.sample[row] for row in rows]
        if len(rows) < 2 or any(not torch.equal(sample, samples[0]) for sample in samples):
            sizes = ", ".join(str(row.numel()) for row in rows)
            raise ValueError(f"'graph' must have two or more views of the same samples (got views of {sizes} nodes)")
        if rows[0].numel() < 2:
            raise ValueError("'graph' must have at least 2 samples: features are compared over samples (got 1)")
        return rows

    def extra_repr(self) -> str:
        """Nothing to show: there is no temperature."""
        return ""


def off_diagonal(x: Tensor) -> Tensor:
    """A square matrix with zeros on its diagonal."""
    return x - torch.diag(x.diagonal())
