"""Negatives of diminished semantics by accuracy out of domain: corrupted digits, and shapes in textures of others.

    python -m benchmarks.images.semantics

A finished run is a line of semantics_runs.csv, and is not repeated.
"""

from torch import nn

from benchmarks.common.recipes import Settings
from benchmarks.images.systems import RAW, UNTRAINED, judge
from gnnclr.train import ContrastiveData
from gnnclr.train.transfer import out_of_domain

#: Fewer keys than images.
QUEUE = "--model.method.queue.size=1024"
ROWS = {
    RAW: Settings("simclr-digits"),
    UNTRAINED: Settings("simclr-digits"),
    "simclr": Settings("simclr-digits"),
    **{name: Settings(f"{name}-digits", (QUEUE,)) for name in ("moco-v2", "moco-patch", "moco-texture", "moco-quilt")},
}


def measure(method: nn.Module, data: ContrastiveData) -> dict[str, float]:
    """Accuracy on clean and on corrupted test images, and decisions by shape and by texture."""
    (found,) = out_of_domain({"method": method}, data).values()
    measures = {}
    for name, (result, of) in found.items():
        values = {"clean": of["clean"], "corrupted": of["corrupted, mean"]}
        values |= {share: of[share] for share in ("by shape", "by texture")}
        measures |= values if name == "linear" else {f"{key}, kNN": value for key, value in values.items()}
        measures[f"{name}, validation"] = result.val
    return measures


if __name__ == "__main__":
    judge("semantics", __doc__, ROWS, measure, ("clean", "corrupted", "by shape", "by texture"))
