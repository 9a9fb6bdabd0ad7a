"""Partition functions where processes share the nodes of a graph."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.graph.negative_blocks import NegativeBlock, are_mutual, negative_blocks
from gnnclr.nn.log_partition import log_weights
from gnnclr.ops import KernelSoftmax, append_log_weight
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.processes.own_rows import OwnRows
from gnnclr.ops.processes.shared_softmax import SharedSoftmax


def shares_negatives(graph: ContrastGraph) -> bool:
    """Whether processes can share the pairs that repel: all of them are of a rule, by which they do so both ways."""
    return graph.negative_index is None and graph.extra is None and are_mutual(graph, graph.negatives)


class SharedLogPartition:
    r"""All pairs that a mutual rule allows, of which this process computes those of its own nodes, see
    :class:`~gnnclr.nn.log_partition.LogPartition`.

    Log-partitions are told to all processes, so that each has those of all anchors. The message is that of own nodes
    and zero for others, and the gradient by the inverse temperature is this process's part of the mean over processes.

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
        self.z: Tensor = z
        self.rule: Negatives = negatives
        self.rows: OwnRows = graph.own_rows
        self.scale: float = 1.0 / temperature
        self.kernel: PairKernel | None = kernel
        blocks = [block.among(self.rows.mask) for block in negative_blocks(z, graph, negatives)]
        self.parts: list[tuple[NegativeBlock, SharedSoftmax | KernelSoftmax]] = [
            (block, self._softmax(block)) for block in blocks
        ]
        lse = z.new_full((z.size(0),), float("-inf"))
        for block, softmax in self.parts:
            lse[block.anchors] = torch.logaddexp(lse[block.anchors], softmax.lse)
        self.lse: Tensor = self.rows.whole(lse[self.rows.index])
        self._told: Tensor | None = None

    @property
    def mass(self) -> Tensor:
        """See :class:`~gnnclr.nn.log_partition.LogPartition`. It is told once, however often it is read."""
        if self._told is None:
            mass = self.z.new_zeros(self.z.size(0))
            for block, softmax in self.parts:
                mass[block.anchors] += self._mass(block, softmax)
            self._told = self.rows.whole(mass[self.rows.index])
        return self._told

    def _mass(self, block: NegativeBlock, softmax: SharedSoftmax | KernelSoftmax) -> Tensor:
        weights = log_weights(self.rule, block, self.z)
        if weights is None:
            return softmax.count.to(self.z)
        return SharedSoftmax(*weights, scale=1.0, exclude=block.groups, exclude_pairs=block.pairs).lse.exp()

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`~gnnclr.nn.log_partition.LogPartition`."""
        out, by_scale = torch.zeros_like(self.z), self.z.new_zeros(())
        for block, softmax in self.parts:
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

    def _softmax(self, block: NegativeBlock) -> SharedSoftmax | KernelSoftmax:
        q, k = block.ends(self.z)
        options = {"scale": self.scale, "exclude": block.groups, "exclude_pairs": block.pairs}
        log_weight = log_weights(self.rule, block, self.z)
        if self.kernel is not None:
            return KernelSoftmax(q, k, self.kernel, log_weight=log_weight, **options)
        if log_weight is not None:
            q, k = append_log_weight(q, k, log_weight, self.scale)
        return SharedSoftmax(q, k, **options)
