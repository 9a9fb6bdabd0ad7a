"""Checks that a method can be trained on subgraphs."""

from typing import Any

from torch import nn
from torch_geometric.data import Data

from gnnclr.node import FittedRewiring
from gnnclr.train.method_parts import method_parts


def bind_rewirings(method: nn.Module, data: Data) -> None:
    """Tells the rewirings of a method the graph whose subgraphs its steps see.

    Args:
        method (torch.nn.Module): The method.
        data (Data): The whole graph.
    """
    for part in method_parts(method):
        if isinstance(part, FittedRewiring):
            part.bind(data)


def check_takes_subgraphs(method: nn.Module) -> nn.Module:
    """Returns ``method`` if a step of it can take a subgraph for the graph, and raises a :class:`ValueError` otherwise.

    Values derived from edges alone, such as degrees, diffusions or centralities, are those of the subgraph, as
    normalization is in Cluster-GCN. Refused are methods and views whose class says ``of_whole_graph = True``, as those
    by communities do, rewirings that do not know the whole graph, and methods that draw a batch of nodes themselves:
    their encoder or their cache sees the whole graph.

    Args:
        method (torch.nn.Module): The method.
    """
    for part in method_parts(method):
        if _of_whole_graph(part) or (isinstance(part, FittedRewiring) and not part.bound):
            raise ValueError(
                f"'data.loader' must be none for {type(part).__name__}, which is made of the whole graph and would be "
                f"another one in every batch"
            )
        if isinstance(part, nn.Module) and getattr(part, "batch_size", None) is not None:
            raise ValueError(
                f"'data.loader' must be none for {type(part).__name__} with a 'batch_size': it draws the nodes of a "
                f"step from the whole graph itself (got batch_size={part.batch_size})"
            )
    return method


def _of_whole_graph(part: Any) -> bool:
    return getattr(type(part), "of_whole_graph", False) is True
