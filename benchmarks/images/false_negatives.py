"""False negatives attracted or removed, against as many views without either, on handwritten digits.

    python -m benchmarks.images.false_negatives

Beside both probes it measures what the paper measures of its scores: of the candidates that are taken for false
negatives, the share that is of the anchor's class, among validation images after the training. A finished run
is a line of false_negatives_runs.csv, and is not repeated.
"""

import torch
from torch import nn

from benchmarks.common.recipes import Settings, override, part
from benchmarks.images.probing import Probing
from benchmarks.images.systems import judge
from gnnclr.graph import AttractFalseNegatives, augmentation_graph
from gnnclr.train import ImageData

REWIRE = "model.method.rewire"


def rows() -> dict[str, Settings]:
    """The rows of the table."""
    attract = Settings("simclr-fn-attract-digits")
    options = {"k": 10, "threshold": 0.7, "support": "max"}
    return {
        "two views (simclr)": Settings("simclr-digits"),
        "four views": attract.with_overrides(override(REWIRE, "null")),
        "removed, max of four views": attract.with_overrides(
            override(REWIRE, part("gnnclr.graph.DropFalseNegatives", **options))
        ),
        "attracted, the view alone": attract.with_overrides(
            override(REWIRE, part("gnnclr.graph.AttractFalseNegatives", **options | {"support": None}))
        ),
        "attracted, mean of four views": attract.with_overrides(override(f"{REWIRE}.support", "mean")),
        "attracted, max of four views (simclr-fn-attract)": attract,
    }


@torch.no_grad()
def measure(method: nn.Module, data: ImageData) -> dict[str, float]:
    """Probes, and the share of candidates of the anchor's class in a batch of validation images."""
    images = data.images
    probing = Probing(images)
    scores = probing.scores(torch.cat([method(chunk).float() for chunk in probing.images.split(500)]))
    rewire = method.rewire if method.rewire is not None else AttractFalseNegatives(10, 0.7)
    torch.manual_seed(0)
    views = method.views(images.val.images)
    graph = augmentation_graph(method.projector(method.encode(torch.cat(views))).split(len(views[0])))
    source, target = rewire.find(graph)
    label = images.val.labels.repeat(len(views))
    right = float((label[source] == label[target]).double().mean())
    return scores | {"of its class": right, "candidates": source.numel() / graph.num_nodes}


if __name__ == "__main__":
    judge("false_negatives", __doc__, rows(), measure, ("kNN", "linear"))
