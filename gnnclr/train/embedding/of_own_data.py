"""Embeddings of the data that a run was trained on."""

import numpy as np

from gnnclr.ops.labels import UNLABELED
from gnnclr.train.contrastive_data import check_embedding
from gnnclr.train.run import Run


def embed_own_data(run: Run) -> dict[str, np.ndarray]:
    """The embeddings ``z`` of the data of a run, with ``name``, ``y``, ``classes`` and the rows of the split where
    there are some.

    Args:
        run (Run): The run.
    """
    _, method, data, _ = run.load()
    arrays = {"z": check_embedding(data.embed(method)).numpy()}
    if data.names is not None:
        arrays["name"] = np.array(data.names)
    if data.labels is not None and bool((data.labels != UNLABELED).any()):
        arrays["y"] = data.labels.numpy()
        if data.class_names is not None:
            arrays["classes"] = np.array(data.class_names)
    if data.split is not None:
        arrays |= {name: getattr(data.split, name).numpy() for name in ("train", "val", "test")}
    return arrays
