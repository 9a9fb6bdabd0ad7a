"""A-InfoNCE by accuracy under attack: linear probes of handwritten digits, clean and under PGD-20.

    python -m benchmarks.images.robust

A finished run is a line of robust_runs.csv, and is not repeated.
"""

from torch import nn

from benchmarks.common.recipes import Settings
from benchmarks.images.systems import UNTRAINED, judge
from gnnclr.eval import linear_probe
from gnnclr.train import ContrastiveData
from gnnclr.vision import RobustProbe

ROWS = {
    UNTRAINED: Settings("simclr-digits"),
    "simclr": Settings("simclr-digits"),
    "a-info-nce, α = 1/2": Settings("a-info-nce-digits", ("--model.method.loss.alpha=0.5",)),
    "a-info-nce, α = 0.2": Settings("a-info-nce-digits"),
    "a-info-nce-adaptive": Settings("a-info-nce-adaptive-digits"),
}


def measure(method: nn.Module, data: ContrastiveData) -> dict[str, float]:
    """Accuracy on clean and on attacked test images, and the last α where a loss has one."""
    linear = linear_probe(data.embed(method), data.labels, data.split)
    found = RobustProbe(images=450)(method, data.inputs, data.labels, data.split, {"linear": linear})
    measures = {"clean": found["clean"].test, "robust": found["robust"].test, "linear, validation": linear.val}
    alpha = getattr(getattr(method, "loss", None), "alpha", None)
    return measures if alpha is None else measures | {"last α": alpha}


if __name__ == "__main__":
    judge("robust", __doc__, ROWS, measure, ("clean", "robust"))
