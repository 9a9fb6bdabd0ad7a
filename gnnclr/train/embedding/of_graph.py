"""Embeddings of another graph than that of the training."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from gnnclr.configs import RecipeError
from gnnclr.node.datasets.graph_file import graph_of_file
from gnnclr.ops.paths import expand_path
from gnnclr.train.contrastive_data import check_embedding
from gnnclr.train.fitted_file import read_fitted
from gnnclr.train.graph_data import GraphData
from gnnclr.train.run import Run


def embed_graph(run: Run, graph: Any) -> dict[str, np.ndarray]:
    """The embeddings ``z`` of the nodes of a graph by the method that a run has trained on another one, and their
    labels ``y`` where there are some; ``classes`` are the names of those, where they are texts.

    Transforms of features that were fitted to the graph of the training are applied as they are.

    Args:
        run (Run): A run on a graph.
        graph (str, Path, Data or HeteroData): The graph, or a file of :func:`torch.save` that holds it.

    Raises:
        RecipeError: If the run is of images, or its method is bound to the nodes that it was trained on.
        ValueError: If the graph cannot be read, or has other features than that of the training.
    """
    method, data = run.load_method()
    if not isinstance(data, GraphData):
        raise RecipeError(f"'{run.folder}' must be a run on a graph (got one on images); '--images' embeds those")
    _check_inductive(run, method)
    fitted = read_fitted(run.folder)
    if isinstance(graph, (str, Path)):
        path = expand_path(graph)
        with graph_of_file(path) as value:
            other = data.read_other(value, path.name, fitted)
    else:
        other = data.read_other(graph, "data", fitted)
    data.in_channels = other.num_features
    try:
        data.check(method)
    except ValueError as error:
        expected = getattr(getattr(method, "encoder", None), "in_channels", None)
        if expected in (None, other.num_features):
            raise
        raise ValueError(
            f"'graph' must have nodes with {expected} features, as that of the run (got {other.num_features})"
        ) from error
    arrays = {"z": check_embedding(data.embed(method)).numpy()}
    if other.y is not None:
        arrays["y"] = other["y"].numpy()
    if "class_names" in other:
        arrays["classes"] = np.array(other.class_names)
    return arrays


def _check_inductive(run: Run, method: nn.Module) -> None:
    """Refuses methods with something of each node of the training, such as a table of embeddings."""
    for part in method.modules():
        if isinstance(part, nn.Embedding) or getattr(part, "bound_to_nodes", False):
            raise RecipeError(
                f"'{run.folder}' cannot embed another graph: {type(part).__name__} in its method is bound to the nodes "
                f"that it was trained on"
            )
