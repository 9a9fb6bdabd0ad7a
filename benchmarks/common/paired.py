"""Paired differences of runs that share their seeds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t as student

from benchmarks.common.records import Line, numbers


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


def difference(values: Sequence[float], base: Sequence[float]) -> Difference:
    """Of values that stand in the same order."""
    gains = [a - b for a, b in zip(values, base, strict=True)]
    if len(gains) < 2:
        return Difference(gains[0], math.nan, math.nan)
    deviation = statistics.stdev(gains)
    half = float(student.ppf(0.975, len(gains) - 1)) * deviation / len(gains) ** 0.5
    return Difference(statistics.fmean(gains), deviation, half)


def gain(lines: list[Line], base: list[Line], measure: str) -> Difference:
    """The difference in percent over the seeds that both have."""
    found, plain = ({line["seed"]: line for line in each} for each in (lines, base))
    both = [seed for seed in found if seed in plain]
    return difference(*(numbers([each[seed] for seed in both], measure, 100) for each in (found, plain)))
