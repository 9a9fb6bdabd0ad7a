"""Rewiring by the transforms that PyG has for any graph."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform
from torch_geometric.utils import coalesce, remove_self_loops

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.positives import check_positives, drop_extra_positives, edge_weights
from gnnclr.ops.check import check_positive, describe


class TransformPositives(BaseTransform):
    r"""Applies a transform of PyG to the positives of a batch, as the edges of a plain graph.

    Graph diffusion, for example, after `"Diffusion Improves Graph Learning" <https://arxiv.org/abs/1911.05485>`_, over
    views and neighbors, of which each anchor keeps the 16 nearest:

        >>> diffusion = T.GDC(
        ...     diffusion_kwargs={"method": "ppr", "alpha": 0.15},
        ...     sparsification_kwargs={"method": "topk", "k": 16, "dim": 0},
        ... )
        >>> rewire = T.Compose([AddKNNPositives(5), TransformPositives(diffusion)])

    The transform sees the edges between nodes, with their weights where the graph has some. Its edges become the
    positives: without self-loops, those of positive weight. Positives from a bank stay as they are, with
    their weights; an anchor that is left without an edge is none any more. Under the default rule a pair that is no
    positive any more repels, unless it is of one ``group``, as the views of a sample are.

    :class:`torch_geometric.transforms.GDC` in its exact mode makes a dense matrix of the :math:`n` nodes of the batch,
    in :math:`\mathcal{O}(n^3)`: 5 s at 2,048 nodes on one core, where :class:`RandomWalkPositives` takes .07 s for two
    steps. Its approximate mode takes no weights, and needs numba. Its default threshold keeps 64 edges of a node on
    average, and so nearly all of a small batch: ``"topk"`` with ``dim=0`` keeps :math:`k` for each anchor.

    Args:
        transform (callable): A transform of a :class:`torch_geometric.data.Data` that keeps its nodes.
        attr (str, optional): The attribute under which the transform reads and writes the weights of edges:
            ``"edge_attr"`` for most, ``"edge_weight"`` for :class:`~torch_geometric.transforms.AddSelfLoops` or
            :class:`~torch_geometric.transforms.GCNNorm`. (default: ``"edge_attr"``)
        fill_value (float, optional): For a transform that adds edges without weights, such as
            :class:`~torch_geometric.transforms.TwoHop`: it sees no weights, edges that were there keep theirs, and new
            ones get this. (default: ``None``, weights are the transform's)
    """

    def __init__(self, transform: Callable[..., Any], attr: str = "edge_attr", fill_value: float | None = None):
        if not callable(transform):
            raise ValueError(f"'transform' must be callable (got {describe(transform)})")
        if not isinstance(attr, str):
            raise ValueError(f"'attr' must be the name of an attribute (got {describe(attr)})")
        if fill_value is not None:
            check_positive("fill_value", fill_value)
        self.transform: Callable[..., Any] = transform
        self.attr: str = attr
        self.fill_value: float | None = fill_value

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with the edges that the transform returns as its positives."""
        check_positives(data)
        if data.num_nodes == 0:
            return data
        inside, weight = data.edge_index[0] < data.num_nodes, edge_weights(data)
        edge_index, edge_weight = coalesce(data.edge_index[:, inside], weight[inside])
        plain = Data(edge_index=edge_index, num_nodes=data.num_nodes)
        if data.edge_weight is not None and self.fill_value is None:
            plain[self.attr] = edge_weight
        old = edge_index, edge_weight
        edge_index, edge_weight = self._result(self.transform(plain), data.num_nodes)
        if self.fill_value is not None:
            edge_weight = self._fill(edge_index, *old, data.num_nodes)
        edge_weight = weight.new_ones(edge_index.size(1)) if edge_weight is None else edge_weight.to(weight)
        edge_index, edge_weight = remove_self_loops(edge_index[:, edge_weight > 0], edge_weight[edge_weight > 0])
        edge_index, edge_weight = coalesce(edge_index, edge_weight, sort_by_row=False)
        data.edge_index = torch.cat([edge_index, data.edge_index[:, ~inside]], dim=1)
        data.edge_weight = torch.cat([edge_weight, weight[~inside]])
        return drop_extra_positives(data)

    def _result(self, plain: Data, num_nodes: int) -> tuple[Tensor, Tensor | None]:
        """The edges that the transform made, and their weights if it made some."""
        if not isinstance(plain, Data) or plain.edge_index is None or plain.num_nodes != num_nodes:
            raise ValueError(f"'transform' must return a graph of the same {num_nodes} nodes (got {describe(plain)})")
        edge_index, weight = plain.edge_index, plain.get(self.attr)
        if weight is not None and weight.numel() != edge_index.size(1):
            raise ValueError(
                f"'attr' must name the weights that the transform writes: of {edge_index.size(1)} edges "
                f"(got {weight.numel()} weights as {self.attr!r})"
            )
        return edge_index, None if weight is None else weight.view(-1)

    def _fill(self, edge_index: Tensor, old_index: Tensor, old_weight: Tensor, num_nodes: int) -> Tensor:
        """The weights that edges had, and the same for those that are new. Old edges are sorted by source and
        target."""
        new, old = (source * num_nodes + target for source, target in (edge_index, old_index))
        at = torch.searchsorted(old, new).clamp(max=max(old.numel() - 1, 0))
        if old.numel() == 0:
            return old_weight.new_full(new.shape, self.fill_value)
        return torch.where(old[at] == new, old_weight[at], self.fill_value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.transform})"
