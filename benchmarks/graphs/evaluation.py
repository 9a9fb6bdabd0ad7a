"""The measures of one row on one split."""

from typing import Any

from torch import Tensor

from gnnclr.eval import Split, linear_probe
from gnnclr.eval.clustering import clustering_scores
from gnnclr.eval.similarity_search import similarity_search

#: Blocks of joined features have scales of their own, which normalizing rows would keep and standardizing would not.
JOINED = ("none", "standardize")
EXTRAS = ("nmi", "ari", "sim5")
#: Largest gradient entry of the mean loss at which the regression counts as converged.
TOL = 1e-7


def probe(x: Tensor, y: Tensor, split: Split, joined: bool = False) -> dict[str, Any]:
    """Accuracy of the linear probe, whose settings validation chooses."""
    result = linear_probe(x, y, split, tol=TOL, **({"scalings": JOINED} if joined else {}))
    chosen = {"c": result.settings["C"], "scaling": result.settings["scaling"], "tol": TOL}
    return {"test": result.test, "val": result.val, **chosen}


def extras(x: Tensor, y: Tensor) -> dict[str, float]:
    """Clustering and similarity search, which no split takes part in."""
    clusters = clustering_scores(x, y)
    return {"nmi": clusters.nmi, "ari": clusters.ari, "sim5": similarity_search(x, y, 5)}
