"""Partition functions where processes share the nodes of a graph."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.graph.negative_blocks import NegativeBlock, are_mutual
from gnnclr.nn.log_partition import ImplicitLogPartition
from gnnclr.ops import KernelSoftmax
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.processes.own_rows import OwnRows
from gnnclr.ops.processes.shared_softmax import SharedSoftmax


def shares_negatives(graph: ContrastGraph, impl: str, kernel: PairKernel | None) -> bool:
    """Whether processes can share the pairs that repel: all of them are of a rule, by which they do so both ways, and
    are walked over in tiles.

    Args:
        graph (ContrastGraph): The graph.
        impl (str): Implementation of the engine.
        kernel (PairKernel, optional): The kernel.
    """
    of_rule = graph.negative_index is None and graph.extra is None
    in_tiles = impl in ("auto", "tiles") and (kernel is None or kernel.symmetric)
    return of_rule and in_tiles and are_mutual(graph, graph.negatives)


class SharedLogPartition(ImplicitLogPartition):
    r"""All pairs that a mutual rule allows, of which this process computes those of its own nodes.

    Log-partitions are told to all processes, so that each has those of all anchors. The message is that of own nodes
    and zero for others.

    Args:
        z (Tensor): Embeddings [n, d].
        graph (ContrastGraph): The graph, with the rows of this process.
        negatives (Negatives): The rule; nodes that repel each other do so both ways.
        temperature (float): The temperature.
        kernel (PairKernel, optional): The kernel of the logits. (default: ``None``, the dot product)
    """

    def __init__(
        self,
        z: Tensor,
        graph: ContrastGraph,
        negatives: Negatives,
        temperature: float,
        kernel: PairKernel | None = None,
    ):
        assert graph.own_rows is not None
        self.rows: OwnRows = graph.own_rows
        self._told: Tensor | None = None
        super().__init__(z, graph, negatives, temperature, "auto", kernel)

    @property
    def mass(self) -> Tensor:
        """See :class:`~gnnclr.nn.log_partition.LogPartition`. It is told once, however often it is read."""
        if self._told is None:
            self._told = self.rows.whole(super().mass[self.rows.index])
        return self._told

    def _blocks(self, graph: ContrastGraph) -> list[NegativeBlock]:
        return [block.among(self.rows.mask) for block in super()._blocks(graph)]

    def _lse(self) -> Tensor:
        return self.rows.whole(super()._lse()[self.rows.index])

    def _of_products(self, q: Tensor, k: Tensor, block: NegativeBlock) -> SharedSoftmax:
        return SharedSoftmax(q, k, **self._options(block))

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`~gnnclr.nn.log_partition.LogPartition`; the gradient by the inverse temperature is this process's
        part of the mean over processes."""
        out, by_scale = torch.zeros_like(self.z), self.z.new_zeros(())
        for block, softmax in zip(self.blocks, self.softmax):
            anchors = block.of_anchors(weight), block.of_anchors(self.lse)
            if block.bank is None:  # every pair is seen from both of its sides
                others, sides = (block.of_candidates(weight), block.of_candidates(self.lse)), 2
            else:
                none = weight.new_zeros(block.of_candidates(block.bank).size(0))
                others, sides = (none, none + float("inf")), 1
            if isinstance(softmax, KernelSoftmax):
                to_own, by = softmax.message(anchors, others)
            else:
                to_own = softmax.message(anchors, others)[:, : self.z.size(1)]
                by = torch.linalg.vecdot(block.of_anchors(self.z), to_own).sum() * self.scale
            out.index_add_(0, block.anchors, to_own)
            by_scale += by / sides
        return out, by_scale * self.rows.world
