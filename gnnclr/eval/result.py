"""What a probe reports."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ProbeResult:
    """The accuracy of a probe, and the settings that validation chose.

    Args:
        test (float): Share of test rows that are classified correctly, in [0, 1].
        val (float): The same on the validation rows; NaN if there are none.
        settings (dict, optional): The chosen settings, by name.
    """

    test: float
    val: float
    settings: dict[str, Any] = field(default_factory=dict)
