"""The graph of a step: views of nodes, rewired."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.node.rewiring.fitted_rewiring import fitted_parts


def step_graph(
    views: Sequence[Tensor], data: Data, rewire: Callable[..., Any] | None = None, nodes: Tensor | None = None
) -> ContrastGraph:
    """The graph of the views of nodes, after a rewiring.

    Args:
        views (sequence): Projections of the nodes by each view [b, d].
        data (Data): The graph whose nodes they are; rewirings that are made of it are fitted to it. Nodes of a
            subgraph are those of the whole graph that ``data.n_id`` says: delete it where the subgraph is the graph.
        rewire (callable, optional): A transform of the graph of views. (default: ``None``)
        nodes (Tensor, optional): Which nodes they are [b], for ``sample_id``. (default: ``None``, all of them)
    """
    graph, parts = augmentation_graph(views), list(fitted_parts(rewire))
    if "n_id" in data and all(part.bound for part in parts):
        nodes = data.n_id if nodes is None else data.n_id[nodes]
    if nodes is not None:
        graph.sample_id = nodes.repeat(len(views))
    if rewire is None:
        return graph
    for part in parts:
        part.fit(data)
    return rewire(graph)
