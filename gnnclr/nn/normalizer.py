"""Partition functions: the log-sum-exp over an anchor's negatives, and the messages that the negatives exchange."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.ops import PairSoftmax, append_log_weight


class Normalizer(Protocol):
    r"""The log-partition of every anchor,
    :math:`\ell_i = \log \sum_{j \in \mathcal{N}^{-}(i)} w_{ij} e^{\mathbf{z}_i^\top \mathbf{z}_j / \tau}`."""

    #: Log-partition of each node [n]; minus infinity for nodes without negatives, or that are no anchors.
    lse: Tensor

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        r"""The gradient of :math:`\sum_i u_i \ell_i` by :math:`\mathbf{z}`, times :math:`\tau` [n, d], and by the
        logarithm of the inverse temperature, a scalar."""


@dataclass
class _Block:
    """Anchors against candidates: node indices, or ``None`` for all nodes."""

    anchors: Tensor | None
    candidates: Tensor | None
    bank: bool
    symmetric: bool
    softmax: PairSoftmax = None


class ImplicitNormalizer:
    r"""All pairs that a rule allows, through the engine, in linear memory.

    The rule becomes a few blocks of anchors against candidates (one, for most rules), joined by their log-sum-exp.

    Args:
        z (Tensor): Embeddings [n, d].
        graph (ContrastGraph): The graph.
        negatives (Negatives): The rule.
        temperature (float): The temperature.
        impl (str): Implementation of the engine.
    """

    def __init__(self, z: Tensor, graph: ContrastGraph, negatives: Negatives, temperature: float, impl: str):
        self.z, self.graph, self.rule = z, graph, negatives
        self.scale, self.impl = 1.0 / temperature, impl
        self.group = {"positives": graph.group, "sample": graph.sample}.get(negatives.exclude)
        if self.group is None:
            self.group = torch.arange(z.size(0), device=z.device)
        self.pairs = self._excluded_pairs()
        self.blocks = list(self._blocks())
        self.lse = z.new_full((z.size(0),), float("-inf"))
        for block in self.blocks:
            block.softmax = self._softmax(block)
            if block.anchors is None:
                self.lse = torch.logaddexp(self.lse, block.softmax.lse) if len(self.blocks) > 1 else block.softmax.lse
            else:
                self.lse[block.anchors] = torch.logaddexp(self.lse[block.anchors], block.softmax.lse)

    def message(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Normalizer`."""
        out, by_scale = None, self.z.new_zeros(())
        d = self.z.size(1)
        for block in self.blocks:
            lse, share = self._take(self.lse, block.anchors), self._take(weight, block.anchors)
            if len(self.blocks) > 1:
                share = share * (block.softmax.lse - lse.masked_fill(lse == float("-inf"), 0)).exp()
            q = self._take(self.z, block.anchors)
            if block.symmetric:
                both = block.softmax.message(share)[:, :d]
                by_scale += torch.linalg.vecdot(q, both).sum() / 2  # every pair counts on both of its sides
                out = self._add(out, block.anchors, both)
            else:
                to_q, to_k = block.softmax.messages(share)
                by_scale += torch.linalg.vecdot(q, to_q[:, :d]).sum()
                out = self._add(out, block.anchors, to_q[:, :d])
                if not block.bank:
                    out = self._add(out, block.candidates, to_k[:, :d])
        return torch.zeros_like(self.z) if out is None else out, by_scale * self.scale

    def _blocks(self) -> Iterator[_Block]:
        """The rule as blocks of anchors against candidates."""
        graph, rule, view = self.graph, self.rule, self.graph.view
        anchor = torch.ones_like(view, dtype=torch.bool) if graph.anchor is None else graph.anchor
        candidate = torch.ones_like(anchor)
        if rule.candidates is not None:
            candidate = torch.isin(view, torch.tensor(rule.candidates, device=view.device, dtype=view.dtype))
        if rule.scope == "all":
            yield from self._block(anchor, candidate)
        else:
            for v in range(graph.num_views):
                side = view == v
                yield from self._block(anchor & side, candidate & (side if rule.scope == "same" else ~side))
        if rule.bank and graph.bank is not None and graph.bank.size(0) and bool(anchor.any()):
            yield _Block(None if bool(anchor.all()) else anchor.nonzero().view(-1), None, bank=True, symmetric=False)

    def _block(self, anchor: Tensor, candidate: Tensor) -> Iterator[_Block]:
        if not bool(anchor.any()) or not bool(candidate.any()):
            return
        symmetric = torch.equal(anchor, candidate) and (self.rule.log_weight is None or self.rule.symmetric_weight)
        anchors, candidates = (None if bool(mask.all()) else mask.nonzero().view(-1) for mask in (anchor, candidate))
        yield _Block(anchors, candidates, bank=False, symmetric=symmetric)

    def _softmax(self, block: _Block) -> PairSoftmax:
        q = self._take(self.z, block.anchors)
        k = self.graph.bank.to(self.z) if block.bank else self._take(self.z, block.candidates)
        groups = (
            None if block.bank else (self._take(self.group, block.anchors), self._take(self.group, block.candidates))
        )
        if self.rule.log_weight is not None:
            a, b = (x.to(self.z) for x in self.rule.log_weight)
            b = b.new_zeros(k.size(0), b.size(1)) if block.bank else self._take(b, block.candidates)
            q, k = append_log_weight(q, k, (self._take(a, block.anchors), b), self.scale)
        options = {"scale": self.scale, "symmetric": block.symmetric, "impl": self.impl}
        return PairSoftmax(q, k, exclude=groups, exclude_pairs=self._local_pairs(block), **options)

    def _excluded_pairs(self) -> Tensor | None:
        """Positives that groups do not tell, as pairs of anchor and candidate, in both directions."""
        edge_index, n = self.graph.edge_index, self.z.size(0)
        if self.rule.exclude != "positives" or edge_index is None:
            return None
        source, target = edge_index
        inside = source < n
        known = inside & (self.group[source.clamp(max=n - 1)] == self.group[target])
        if bool(known.all()):
            return None
        pairs = torch.stack([target, source])[:, ~known]
        return torch.cat([pairs, pairs[:, pairs[1] < n].flip(0)], dim=1)

    def _local_pairs(self, block: _Block) -> Tensor | None:
        """The excluded pairs of a block, as positions among its anchors and candidates."""
        if self.pairs is None:
            return None
        n = self.z.size(0)
        m = self.graph.bank.size(0) if block.bank else n
        anchor, candidate = self.pairs
        candidate = candidate - n if block.bank else candidate
        anchor = self._position(block.anchors, n)[anchor]
        valid = (candidate >= 0) & (candidate < m)
        candidate = self._position(block.candidates, m)[candidate.clamp(0, m - 1)]
        return torch.stack([anchor, candidate])[:, valid & (anchor >= 0) & (candidate >= 0)]

    def _position(self, index: Tensor | None, size: int) -> Tensor:
        everywhere = torch.arange(size, device=self.z.device)
        if index is None:
            return everywhere
        return torch.full_like(everywhere, -1).index_copy_(0, index, everywhere[: index.numel()])

    @staticmethod
    def _take(x: Tensor, index: Tensor | None) -> Tensor:
        return x if index is None else x[index]

    def _add(self, out: Tensor | None, index: Tensor | None, x: Tensor) -> Tensor:
        """Adds the messages ``x`` to nodes ``index``; the first ones to all nodes are taken as they are."""
        if out is None:
            if index is None:
                return x
            out = torch.zeros_like(self.z)
        return out.add_(x) if index is None else out.index_add_(0, index, x)
