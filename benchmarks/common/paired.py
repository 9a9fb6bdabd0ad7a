"""Paired differences of the lines of a table."""

from benchmarks.common.records import Line, numbers
from gnnclr.eval import Difference, paired_difference


def gain(lines: list[Line], base: list[Line], measure: str) -> Difference:
    """The difference in percent over the seeds that both have."""
    found, plain = ({line["seed"]: line for line in each} for each in (lines, base))
    both = [seed for seed in found if seed in plain]
    return paired_difference(*(numbers([each[seed] for seed in both], measure, 100) for each in (found, plain)))
