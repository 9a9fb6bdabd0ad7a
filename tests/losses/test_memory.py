"""Memory is linear in the batch: a matrix of similarities would not fit the limits here."""

import sys

import forked
import pytest
from contracts.discovery import by_kind, path_of
from contracts.loss import LossContract

SCRIPT = """
import resource, sys, torch
from contracts.discovery import find
torch.set_num_threads(1)
case, n, arguments = find(sys.argv[1])(), int(sys.argv[2]), eval(sys.argv[3])
loss = case.make(**arguments)
def step(n):
    views = [torch.randn(n, 8, requires_grad=True) for _ in range(2)]
    loss(*views, **{name: torch.arange(n) % 2 for name in case.joined_arguments()}).backward()
step(64)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
step(n)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def measured() -> list[tuple[type, dict]]:
    """The first test class of each loss, and others that state what is measured; with each set of arguments."""
    found = []
    for first, *others in by_kind("losses", LossContract).values():
        for case in (first, *(case for case in others if "memory_arguments" in vars(case))):
            found += [(case, arguments) for arguments in case.memory_arguments]
    return found


linux = pytest.mark.skipif(sys.platform != "linux", reason="counts resident memory as Linux does")


def peak(case: type, n: int, arguments: dict) -> float:
    """Growth of the resident memory by one step of ``n`` pairs, in MB."""
    return float(forked.Forked(forked.code, SCRIPT, path_of(case), n, repr(arguments)).finish()[0])


def label(value):
    return value.__name__ if isinstance(value, type) else "-".join(map(str, value.values()))


@linux
@pytest.mark.parametrize("case,arguments", [(c, a) for c, a in measured() if c.memory_samples], ids=label)
def test_memory_is_linear(case, arguments):
    # The smallest matrix of similarities, 5,800 x 5,800 in float32, takes 135 MB.
    assert peak(case, case.memory_samples, arguments) < 90


@linux
@pytest.mark.slow
@pytest.mark.parametrize("case,arguments", measured(), ids=label)
def test_memory_of_32768_pairs(case, arguments):
    # The smallest matrix of similarities takes 4.3 GB, that of all views 17 GB.
    assert peak(case, 32768, arguments) < 400
