"""Contrast between the relations of a multiplex graph."""

from collections.abc import Callable, Sequence
from itertools import chain, combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.eval.geometry import view_measures
from gnnclr.graph.weighted_edges import Edges, edges_of
from gnnclr.losses import NTXentLoss
from gnnclr.node.datasets.data import check_all_edges, check_features, with_parts
from gnnclr.node.datasets.multiplex import PREFIX, MultiplexData, union_graph
from gnnclr.node.methods.method import NodeMethod
from gnnclr.node.methods.step_graph import step_graph
from gnnclr.node.methods.two_view import View
from gnnclr.ops.check import check_choice, check_index, describe
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.ops.memo import TensorMemo


class MultiplexContrast(NodeMethod):
    r"""The relations of a multiplex graph as views of its nodes, and a loss between every two of them.

    .. math::
        \mathcal{L} = \binom{R}{2}^{-1} \sum_{r < s} \ell\big(g(\mathbf{H}^{(r)}),\, g(\mathbf{H}^{(s)})\big), \qquad
        \mathbf{H}^{(r)} = f_r(\mathbf{X}, \mathcal{E}_r), \qquad \mathbf{H} = \tfrac{1}{R} \sum_r \mathbf{H}^{(r)}

    So a node finds itself among all nodes by its other kinds of edges, without random views, after the extension to
    multiplex graphs of `"Graph Communal Contrastive Learning" <https://arxiv.org/abs/2110.14863>`_, whose own loss is
    :class:`~gnnclr.node.MultiplexGCooL`. Losses on pairs are computed exactly, in memory linear in the nodes.

    Encoders should normalize, as ``GCNEncoder(..., norm="batch_norm")`` does: in dense relations the features that all
    nodes share outweigh their differences. On ACM, one convolution without it stayed at the loss of chance,
    :math:`\log(2n - 1)`, for 100 epochs; with it 5 epochs were enough to leave the untrained encoder behind.

    Args:
        encoder (torch.nn.Module or sequence): Called as ``encoder(x, edge_index)``: one for all relations, or one for
            each, in the order of ``data.relations``.
        loss (torch.nn.Module, optional): Called as ``loss(z0, z1)`` on the projections of two relations [n, d], or
            as ``loss(x, graph)`` where there is a rewiring. (default: ``NTXentLoss(temperature=0.4)``)
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        views (callable or sequence, optional): A transform of a :class:`~torch_geometric.data.Data`, such as
            :class:`~gnnclr.node.FeatureMask`, drawn anew for each relation and step; or one for each relation.
            (default: ``None``, relations as they are)
        rewire (callable, optional): A transform of the :class:`~gnnclr.graph.ContrastGraph` of two relations; those by
            communities or neighbors (:class:`~gnnclr.node.FittedRewiring`) are made from the union of all relations.
            (default: ``None``)
        fusion (str, optional): The embedding of a node: the ``"mean"`` of those by relations, or all of them one after
            another, ``"cat"``. (default: ``"mean"``)

    Shapes:
        - **input:** a :class:`~gnnclr.node.MultiplexData` with features :math:`(n, F)` and :math:`R \ge 2` relations
        - **output:** embeddings :math:`(n, d)`, or :math:`(n, R d)` for ``"cat"``

    Raises:
        ValueError: If the graph has no features, fewer than two relations, or a relation without edges, if there is not
            an encoder or a view for each relation, or if a view changes the number of nodes.
    """

    def __init__(
        self,
        encoder: nn.Module | Sequence[nn.Module],
        loss: nn.Module | None = None,
        projector: nn.Module | None = None,
        views: View | Sequence[View] | None = None,
        rewire: Callable[..., Any] | None = None,
        fusion: str = "mean",
    ):
        super().__init__(encoder if isinstance(encoder, nn.Module) else nn.ModuleList(encoder))
        self.loss: nn.Module = NTXentLoss(temperature=0.4) if loss is None else loss
        self.projector: nn.Module = nn.Identity() if projector is None else projector
        if views is not None and not all(map(callable, views if isinstance(views, (list, tuple)) else [views])):
            raise ValueError(f"'views' must be a transform, or one for each relation (got {describe(views)})")
        self.views: View | Sequence[View] | None = views
        self.rewire = rewire
        self.fusion: str = check_choice("fusion", fusion, ("mean", "cat"))
        self._union = TensorMemo(_union)

    def graphs(self, data: MultiplexData) -> list[Data]:
        """A fresh view of each relation."""
        data = check_multiplex_data(data)
        graphs = data.views()
        if self.views is None:
            return graphs
        return [view(graph) for view, graph in zip(_each("views", self.views, len(graphs)), graphs)]

    def encode_relations(self, graphs: Sequence[Data]) -> list[Tensor]:
        """The embeddings of all nodes by each relation [n, d].

        Args:
            graphs (sequence): The graph of each relation.
        """
        encoders = _each("encoder", self.encoder, len(graphs))
        h = [self.encode(graph, encoder) for encoder, graph in zip(encoders, graphs)]
        if len({part.size(0) for part in h}) > 1:
            raise ValueError(f"'views' must keep the number of nodes (got {[part.size(0) for part in h]})")
        return h

    def contrast(self, z: Sequence[Tensor], data: MultiplexData) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of the losses of every two relations, and of their ``alignment`` and ``uniformity``.

        Args:
            z (sequence): Projections by each relation [n, d].
            data (MultiplexData): The graph, which rewirings are made from.
        """
        edges = map(edges_of, data.views())
        union = None if self.rewire is None else self._union(data.x, *edges)
        pairs = list(combinations(z, 2))
        losses, measures = [self._pair(*pair, union) for pair in pairs], [view_measures(*pair) for pair in pairs]
        logs = {name: torch.stack([each[name] for each in measures]).mean() for name in measures[0]}
        return torch.stack(losses).mean(), logs

    def _pair(self, z0: Tensor, z1: Tensor, union: Data | None) -> Tensor:
        if union is None:
            return self.loss(z0, z1)
        graph = step_graph([z0, z1], union, self.rewire)
        return self.loss(graph.x, graph)

    def training_step_loss(self, data: MultiplexData) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of every two relations, with the mean ``alignment`` and ``uniformity`` of their projections."""
        return self.contrast([self.projector(h) for h in self.encode_relations(self.graphs(data))], data)

    @torch.no_grad()
    def embed(self, data: MultiplexData) -> Tensor:
        """The embeddings of all nodes on the whole graph, in evaluation mode."""
        with eval_mode(self):
            return self(data)

    def forward(self, data: MultiplexData) -> Tensor:
        """The embeddings of all nodes, of the relations as they are; differentiable and in the current mode."""
        h = self.encode_relations(check_multiplex_data(data).views())
        return torch.cat(h, dim=1) if self.fusion == "cat" else torch.stack(h).mean(dim=0)


def check_multiplex_data(data: MultiplexData) -> MultiplexData:
    """Returns ``data`` if it is a graph with features and at least two relations, all of which have edges, and raises a
    :class:`ValueError` otherwise."""
    if not isinstance(data, MultiplexData):
        raise ValueError(f"'data' must be a MultiplexData (got {describe(data)})")
    if len(data.relations) < 2:
        raise ValueError(f"'data' must have at least two relations (got {', '.join(data.relations) or 'none'})")
    check_features(data)
    for name in data.relations:
        if check_index(f"data.{PREFIX}{name}", data[PREFIX + name], 2, "e").size(1) == 0:
            raise ValueError(f"'data.{PREFIX}{name}' must have at least one edge (got none)")
    named = [(f"data.{PREFIX}{name}", data[PREFIX + name]) for name in data.relations]
    wide = check_all_edges(data.num_nodes, *chain(*named))
    if all(new is old for new, (_, old) in zip(wide, named)):
        return data
    return with_parts(data, **{PREFIX + name: edge_index for name, edge_index in zip(data.relations, wide)})


def _each(name: str, value: Any, count: int) -> Sequence[Any]:
    """A part for each relation: those of a sequence, or the one for all."""
    if not isinstance(value, (nn.ModuleList, list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"'{name}' must be one, or one for each of the {count} relations (got {len(value)})")
    return list(value)


def _union(x: Tensor, *edges: Edges) -> Data:
    return union_graph(edges, x=x)
