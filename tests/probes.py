"""Linear probes without a choice of settings, for tests of runs and not of what they score."""

import functools

import pytest

#: What calls the linear probe.
CALLERS = ("gnnclr.eval.baselines", "gnnclr.eval.multiplex_scores", "gnnclr.eval.validation_accuracy")


def make_quick(patch: pytest.MonkeyPatch) -> None:
    """Replaces the linear probe of runs, which tries six scalings and many strengths, by one of a single setting."""
    from gnnclr.eval import linear_probe

    quick = functools.partial(linear_probe, scalings=["none"], C=[1.0])
    for caller in CALLERS:
        patch.setattr(f"{caller}.linear_probe", quick)
