"""Paired differences of results that share their seeds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from gnnclr.ops.check import describe


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences.

    Args:
        mean (float): The mean.
        deviation (float): The standard deviation; NaN where one seed does not tell.
        half (float): Half the width of the 95 % interval of the mean by Student's t; NaN where one seed does not tell.
    """

    mean: float
    deviation: float
    half: float

    @property
    def verdict(self) -> str:
        """What the interval says."""
        if math.isnan(self.half):
            return "one seed"
        if abs(self.mean) <= self.half:
            return "no clear difference"
        return "helps" if self.mean > 0 else "hurts"

    def __str__(self) -> str:
        return f"{self.mean:+.1f}" if math.isnan(self.deviation) else f"{self.mean:+.1f} ± {self.deviation:.1f}"


def paired_difference(values: Sequence[float], base: Sequence[float]) -> Difference:
    """The mean of the differences of values that stand in the same order, with its 95 % interval by Student's t.

    Args:
        values (sequence): A value for each seed.
        base (sequence): What they are compared with, for the same seeds.

    Raises:
        ValueError: If there are none, or not equally many, or some are not finite.
    """
    if len(values) == 0 or len(values) != len(base):
        raise ValueError(f"'values' and 'base' must be equally many, at least one (got {len(values)} and {len(base)})")
    gains = [float(a) - float(b) for a, b in zip(values, base)]
    if not math.isfinite(sum(gains)):
        raise ValueError(f"'values' and 'base' must be finite (got {describe(values)} and {describe(base)})")
    if len(gains) < 2:
        return Difference(gains[0], math.nan, math.nan)
    from scipy.stats import t as student

    deviation = statistics.stdev(gains)
    half = float(student.ppf(0.975, len(gains) - 1)) * deviation / len(gains) ** 0.5
    return Difference(statistics.fmean(gains), deviation, half)
