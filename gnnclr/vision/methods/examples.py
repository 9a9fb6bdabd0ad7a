"""What methods that bring measures of their own see of the data."""

from typing import Protocol

from torch import Tensor

from gnnclr.eval import Split


class Examples(Protocol):
    """Labeled images, and the captions that they may have. ``own_probes(examples, probes)`` of a method, in evaluation
    mode, gives further results of probes, beside those of its features."""

    labels: Tensor
    split: Split

    def inputs(self, index: Tensor) -> Tensor:
        """The images of rows [k, c, h, w], in [0, 1]."""
        ...

    def captions(self, index: Tensor) -> Tensor | None:
        """The captions of rows, as numbers of words [k, K, L]; ``None`` where there are none."""
        ...

    def prompts(self) -> Tensor | None:
        """The captions of classes [C, P, L]; ``None`` where there are none."""
        ...
