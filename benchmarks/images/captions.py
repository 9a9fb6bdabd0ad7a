"""Images and their captions by retrieval and by zero-shot classification: handwritten digits in words.

    python -m benchmarks.images.captions

A finished run is a line of captions_runs.csv, and is not repeated.
"""

from torch import nn

from benchmarks.common.recipes import Settings, override, part
from benchmarks.images.systems import UNTRAINED, judge
from benchmarks.pages.systems import SYSTEMS
from gnnclr.train import ContrastiveData

RECIPE = "clip-captions-digits"
BAG = [
    part("gnnclr.vision.SlimResNet", widths=[16, 32, 64], stem_stride=1, in_channels=1),
    part("gnnclr.vision.TextEncoder", layers=0),
]
ROWS = {
    UNTRAINED: Settings(RECIPE),
    "bag of words": Settings(RECIPE, (override("model.method.encoders", BAG),)),
    "transformer (clip-captions)": Settings(RECIPE),
}


def measure(method: nn.Module, data: ContrastiveData) -> dict[str, float]:
    """Retrieval and zero-shot classification of test images and their captions."""
    found = data.with_own_probes({"own": method}, {"own": {}})["own"]
    return {name: found[name].test for name in SYSTEMS["captions"].measures}


if __name__ == "__main__":
    judge("captions", __doc__, ROWS, measure, ("zero-shot",), epochs=20)
