"""Paired differences of runs that share their seeds."""

import math
import statistics
from collections.abc import Sequence

from scipy.stats import t as student


def difference(values: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """The mean of the paired differences, their standard deviation, and half the width of the 95 % interval of the mean
    by Student's t; NaN where one seed does not tell."""
    gains = [a - b for a, b in zip(values, base, strict=True)]
    if len(gains) < 2:
        return gains[0], math.nan, math.nan
    deviation = statistics.stdev(gains)
    return statistics.fmean(gains), deviation, float(student.ppf(0.975, len(gains) - 1)) * deviation / len(gains) ** 0.5


def verdict(mean: float, half: float) -> str:
    """What the interval says."""
    if math.isnan(half):
        return "one seed"
    if abs(mean) <= half:
        return "no clear difference"
    return "helps" if mean > 0 else "hurts"


def shown(mean: float, deviation: float) -> str:
    """A difference with its deviation."""
    return f"{mean:+.1f}" if math.isnan(deviation) else f"{mean:+.1f} ± {deviation:.1f}"


def color(mean: float, half: float) -> str:
    """The colour of a difference in plots: grey where none is clear."""
    return {"helps": "#2f7d4f", "hurts": "#b04030"}.get(verdict(mean, half), "#8a939e")
