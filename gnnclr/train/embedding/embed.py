"""The embeddings that a run gives."""

from pathlib import Path
from typing import Any

import numpy as np

from gnnclr.configs import RecipeError
from gnnclr.train.embedding.of_graph import embed_graph
from gnnclr.train.embedding.of_images import embed_images
from gnnclr.train.embedding.of_own_data import embed_own_data
from gnnclr.train.run import Run


def embed_run(run: str | Path, images: str | Path | None = None, graph: Any = None) -> dict[str, np.ndarray]:
    """The embeddings of the trained method of a run: of the data that it was trained on, or of others of their kind.

    Each kind of other data is a file of this folder, and an argument.

    Args:
        run (str or Path): The folder of the run.
        images (str or Path, optional): A folder of images, or a zip file, for a run on images. (default: ``None``, the
            data of the run)
        graph (str, Path or Data, optional): Another graph, or a file that holds it, for a run on a graph.
            (default: ``None``, the data of the run)

    Returns:
        dict: ``z`` :math:`(N, D)`, and what is known of its rows: ``name``, such as the names of files; ``y``, labels,
        ``-1`` where one is missing, and ``classes``, the names of labels that are texts or folders; and ``train``,
        ``val`` and ``test``, the rows of a split.

    Raises:
        RecipeError: If the folder holds no run, or a run of another kind.
        ValueError: If embeddings are not finite, or data cannot be read.
    """
    opened = Run.open(run)
    if images is not None and graph is not None:
        raise RecipeError(f"'images' and 'graph' must not both be given (got {images!r} and {graph!r})")
    if graph is not None:
        return embed_graph(opened, graph)
    return embed_own_data(opened) if images is None else embed_images(opened, images)
