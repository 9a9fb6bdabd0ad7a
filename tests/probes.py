"""Linear probes without a choice of settings, for tests of runs and not of what they score."""

import functools
import importlib

import pytest

#: What calls the linear probe.
CALLERS = ("baselines", "linear_of_any_size", "multiplex_scores", "validation_accuracy")


def make_quick(patch: pytest.MonkeyPatch) -> None:
    """Replaces the linear probe of runs, which tries six scalings and many strengths, by one of a single setting."""
    from gnnclr.eval import linear_probe

    quick = functools.partial(linear_probe, scalings=["none"], C=[1.0])
    for caller in CALLERS:
        patch.setattr(importlib.import_module(f"gnnclr.eval.{caller}"), "linear_probe", quick)
