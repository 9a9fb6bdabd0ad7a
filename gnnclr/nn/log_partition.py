"""Partition functions: the log-sum-exp over an anchor's negatives, and the messages that the negatives exchange."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.graph.negative_blocks import NegativeBlock, negative_blocks
from gnnclr.ops import KernelSoftmax, PairSoftmax, append_log_weight
from gnnclr.ops.kernels import PairKernel

#: Weights of some anchors, from their log-partition and index.
Weigh = Callable[[Tensor, Tensor], Tensor]


class LogPartition(Protocol):
    r"""The log-partition of every anchor,
    :math:`\ell_i = \log \sum_{j \in \mathcal{N}^{-}(i)} w_{ij} e^{k(\mathbf{z}_i, \mathbf{z}_j) / \tau}`."""

    #: Log-partition of each node [n]; minus infinity for nodes without negatives, or that are no anchors.
    lse: Tensor

    @property
    def mass(self) -> Tensor:
        """The sum of the weights of each anchor's negatives [n], their number where they have none; zero for other
        nodes."""
        ...

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        r"""The gradient of :math:`\sum_i u_i \ell_i` by :math:`\mathbf{z}`, times :math:`\tau` [n, d], and by the
        logarithm of the inverse temperature, a scalar."""
        ...


class ImplicitLogPartition:
    r"""All pairs that a rule allows, through the engine, in linear memory.

    The rule becomes a few blocks of anchors against candidates (one, for most rules), joined by their log-sum-exp.

    Args:
        z (Tensor): Embeddings [n, d].
        graph (ContrastGraph): The graph.
        negatives (Negatives): The rule.
        temperature (float): The temperature.
        impl (str): Implementation of the engine.
        kernel (PairKernel, optional): The kernel of the logits. (default: ``None``, the dot product)
        weigh (callable, optional): The weights of anchors in the message as a function ``weigh(lse, index)`` of their
            log-partition, if they are that and nodes of one block each: it spares a pass over pairs.
            (default: ``None``)
    """

    def __init__(
        self,
        z: Tensor,
        graph: ContrastGraph,
        negatives: Negatives,
        temperature: float,
        impl: str,
        kernel: PairKernel | None = None,
        weigh: Weigh | None = None,
    ):
        self.z: Tensor = z
        self.rule: Negatives = negatives
        self.kernel: PairKernel | None = kernel
        self.scale: float = 1.0 / temperature
        self.impl: str = impl
        self.blocks: list[NegativeBlock] = self._blocks(graph)
        # An anchor of two blocks has its log-partition only when both are done.
        nodes = sum(block.bank is None for block in self.blocks)
        self.weigh: Weigh | None = weigh if kernel is None and nodes in (0, len(self.blocks)) else None
        self.softmax: list[Any] = [self._softmax(block) for block in self.blocks]
        self.lse: Tensor = self._lse()

    def _blocks(self, graph: ContrastGraph) -> list[NegativeBlock]:
        """The anchors and candidates that are compared."""
        return negative_blocks(self.z, graph, self.rule)

    def _lse(self) -> Tensor:
        """The log-partitions of all nodes, of those of the blocks."""
        if len(self.blocks) == 1 and self.blocks[0].anchors is None:
            return self.softmax[0].lse
        lse = self.z.new_full((self.z.size(0),), float("-inf"))
        for block, softmax in zip(self.blocks, self.softmax):
            anchors = slice(None) if block.anchors is None else block.anchors
            lse[anchors] = torch.logaddexp(lse[anchors], softmax.lse)
        return lse

    @property
    def mass(self) -> Tensor:
        """See :class:`LogPartition`."""
        mass = self.z.new_zeros(self.z.size(0))
        for block, softmax in zip(self.blocks, self.softmax):
            mass[slice(None) if block.anchors is None else block.anchors] += self._mass(block, softmax)
        return mass

    def _mass(self, block: NegativeBlock, softmax: Any) -> Tensor:
        weights = log_weights(self.rule, block, self.z)
        if weights is None:
            return softmax.count.to(self.z.dtype)
        return PairSoftmax(*weights, **{**self._options(block), "scale": 1.0}, impl=self.impl).lse.exp()

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`LogPartition`."""
        out, by_scale = None, self.z.new_zeros(())
        d = self.z.size(1)
        for block, softmax in zip(self.blocks, self.softmax):
            share = block.of_anchors(weight)
            if len(self.blocks) > 1:
                share = share * _share(softmax.lse, block.of_anchors(self.lse))
            if isinstance(softmax, KernelSoftmax):
                to_q, to_k, by = softmax.messages(share)
                by_scale += by
            elif block.symmetric:
                to_q, to_k = softmax.message(share)[:, :d], None
                # Every pair counts on both of its sides.
                by_scale += torch.linalg.vecdot(block.of_anchors(self.z), to_q).sum() * (self.scale / 2)
            else:
                to_q, to_k = (x[:, :d] for x in softmax.messages(None if self._sweeps(block) else share))
                by_scale += torch.linalg.vecdot(block.of_anchors(self.z), to_q).sum() * self.scale
            out = block.add(out, self.z, to_q, to_k)
        return torch.zeros_like(self.z) if out is None else out, by_scale

    def _options(self, block: NegativeBlock) -> dict[str, Any]:
        return {"scale": self.scale, "exclude": block.groups, "exclude_pairs": block.pairs}

    def _softmax(self, block: NegativeBlock) -> Any:
        q, k = block.ends(self.z)
        log_weight = log_weights(self.rule, block, self.z)
        if self.kernel is not None:
            options = self._options(block) | {"impl": self.impl}
            return KernelSoftmax(q, k, self.kernel, log_weight=log_weight, **options)
        if log_weight is not None:
            q, k = append_log_weight(q, k, log_weight, self.scale)
        return self._of_products(q, k, block)

    def _of_products(self, q: Tensor, k: Tensor, block: NegativeBlock) -> Any:
        """The softmax of a block whose logits are products of rows."""
        options = self._options(block) | {"impl": self.impl}
        if self._sweeps(block):
            # Not by 'self', which holds the engine: a cycle would keep its tiles until the garbage is collected.
            weigh, anchors = self.weigh, block.anchors
            of_anchors = weigh if anchors is None else (lambda lse, index: weigh(lse, anchors[index]))
            return PairSoftmax(q, k, weigh=of_anchors, **options)
        return PairSoftmax(q, k, symmetric=block.symmetric, **options)

    def _sweeps(self, block: NegativeBlock) -> bool:
        """Whether the weights of a block follow from its own log-partitions."""
        return self.weigh is not None and not block.symmetric


def log_weights(rule: Negatives, block: NegativeBlock, z: Tensor) -> tuple[Tensor, Tensor] | None:
    """The log-weights of anchors and candidates of a block, where the rule has some. Rows of the bank follow those of
    the nodes; without them the bank weighs one.

    Args:
        rule (Negatives): The rule.
        block (NegativeBlock): The block.
        z (Tensor): Embeddings [n, d].
    """
    if rule.log_weight is None:
        return None
    a, b = (x.to(z) for x in rule.log_weight)
    n = z.size(0)
    if block.bank is None:
        return block.of_anchors(a), block.of_candidates(b[:n])
    rows = b[n:] if b.size(0) > n else b.new_zeros(block.bank.size(0), b.size(1))
    return block.of_anchors(a), block.of_candidates(rows)


class JoinedLogPartition:
    r"""Two disjoint sets of negatives, joined by their log-partitions.

    Args:
        first (LogPartition): One set; it may have taken the weights of :meth:`weigh`.
        second (LogPartition): The other.
    """

    def __init__(self, first: LogPartition, second: LogPartition):
        self.parts: tuple[LogPartition, LogPartition] = first, second
        self.lse: Tensor = torch.logaddexp(first.lse, second.lse)

    @staticmethod
    def weigh(weigh: Weigh, second: LogPartition) -> Weigh:
        """The weights of the anchors of the first part, from its log-partition alone."""

        def share(lse: Tensor, index: Tensor) -> Tensor:
            total = torch.logaddexp(lse, second.lse[index])
            return weigh(total, index) * _share(lse, total)

        return share

    @property
    def mass(self) -> Tensor:
        """See :class:`LogPartition`."""
        first, second = self.parts
        return first.mass + second.mass

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`LogPartition`."""
        (out, by_scale), (more, by) = (part.message(weight * _share(part.lse, self.lse)) for part in self.parts)
        return out.add_(more), by_scale + by


def _share(lse: Tensor, total: Tensor) -> Tensor:
    """The share of a part in a partition function, zero where there is nothing to share."""
    return (lse - total.masked_fill(total == float("-inf"), 0)).exp()
