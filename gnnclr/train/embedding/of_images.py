"""Embeddings of a folder of images."""

from pathlib import Path

import numpy as np
import torch

from gnnclr.configs import RecipeError
from gnnclr.ops.notice import notice
from gnnclr.train.contrastive_data import check_embedding
from gnnclr.train.load import backbone_of
from gnnclr.train.run import Run
from gnnclr.vision.photos.open_photos import open_photos
from gnnclr.vision.photos.reader import read_squares, usual_workers


@torch.no_grad()
def embed_images(run: Run, root: str | Path) -> dict[str, np.ndarray]:
    """The embeddings ``z`` of the images in a folder, a zip file or shards, in the order of their names, and their
    ``name``. Broken files are passed over, and named in a printed line.

    Args:
        run (Run): A run on images.
        root (str or Path): The folder, or what else :func:`~gnnclr.vision.photos.open_photos.open_photos` takes.

    Raises:
        RecipeError: If the run is of a graph, or does not say at which size it sees images.
        FileNotFoundError: If there are no images in the folder.
        ValueError: If all of them are broken.
    """
    backbone = backbone_of(run)
    if backbone.square is None:
        raise RecipeError(f"'{run.folder}' must say at which size it sees images (got a run of other data)")
    try:
        source = open_photos(root, classes=False)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(str(error).replace("'root'", "'images'", 1)) from error
    names, rows, broken = [], [], []
    for read in read_squares(source, backbone.square, workers=usual_workers(), title="embedding"):
        broken += [(source.names[index], reason) for index, reason in read.broken]
        if len(read.index):
            rows.append(backbone(read.images).float())
            names += [source.names[index] for index in read.index.tolist()]
    if not rows:
        name, reason = broken[0]
        raise ValueError(f"'{root}' must hold readable images (all {len(broken)} are broken: {name!r}: {reason})")
    if broken:
        which = ", ".join(f"{name!r} ({reason})" for name, reason in broken[:5]) + ", ..." * (len(broken) > 5)
        notice(f"passed over {len(broken)} broken image{'s' * (len(broken) > 1)}: {which}")
    return {"z": check_embedding(torch.cat(rows)).numpy(), "name": np.array(names)}
