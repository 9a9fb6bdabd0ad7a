"""The result of a probe."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from gnnclr.eval.linear_head import LinearHead


@dataclass(frozen=True)
class ProbeResult:
    """The accuracy of a probe, and the settings that validation chose.

    Args:
        test (float): Share of test rows that are classified correctly, in [0, 1].
        val (float): The same on the validation rows; NaN if there are none.
        settings (dict, optional): The chosen settings, by name.
        predicted (Tensor, optional): The labels that a probe gives the test rows, in the order of the split; rows
            without a label are left out.
        head (LinearHead, optional): The classifier of the linear probe.
    """

    test: float
    val: float
    settings: dict[str, Any] = field(default_factory=dict)
    predicted: Tensor | None = field(default=None, repr=False, compare=False)
    head: LinearHead | None = field(default=None, repr=False, compare=False)
