import math

import pytest
import torch
from scipy.stats import ttest_rel

from gnnclr.eval import paired_difference


def test_equals_the_interval_of_a_paired_test():
    values, base = [81.0, 83.5, 82.2, 80.9], [80.2, 82.9, 82.3, 79.5]
    found = paired_difference(values, base)
    interval = ttest_rel(values, base).confidence_interval(0.95)
    assert found.mean - found.half == pytest.approx(interval.low)
    assert found.mean + found.half == pytest.approx(interval.high)
    assert found.mean == pytest.approx(0.675) and str(found) == "+0.7 ± 0.6"
    assert found.verdict == "no clear difference"


def test_verdicts():
    assert paired_difference([2.0, 2.1, 2.0], [1.0, 1.1, 1.1]).verdict == "helps"
    assert paired_difference([1.0, 1.1, 1.1], [2.0, 2.1, 2.0]).verdict == "hurts"
    one = paired_difference([2.0], [1.0])
    assert one.verdict == "one seed" and math.isnan(one.half) and str(one) == "+1.0"


def test_arrays():
    values, base = torch.tensor([2.0, 2.5]), torch.tensor([1.0, 1.25])
    assert paired_difference(values, base) == paired_difference(values.numpy(), base.tolist())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite(bad):
    for values, base in (([1.0, bad], [1.0, 2.0]), ([1.0], [bad])):
        with pytest.raises(ValueError, match=r"'values' and 'base' must be finite \(got list \["):
            paired_difference(values, base)


@pytest.mark.parametrize("values, base", [([], []), ([1.0], [1.0, 2.0])])
def test_errors(values, base):
    with pytest.raises(ValueError, match="'values' and 'base' must be equally many, at least one"):
        paired_difference(values, base)
