"""Memory is linear in the batch: a matrix of similarities would not fit the limits here."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from gnnclr.losses import InfoNCELoss, NTXentLoss, SupConLoss
torch.set_num_threads(2)
name, n = sys.argv[1], int(sys.argv[2])
loss = {"nt_xent": NTXentLoss(0.1), "low": NTXentLoss(0.02), "info_nce": InfoNCELoss(0.1), "sup_con":
SupConLoss(0.1)}[name]
kwargs = {"labels": torch.arange(n) % 2} if name == "sup_con" else {}
def step(n):
    views = [torch.randn(n, 8, requires_grad=True) for _ in range(2)]
    loss(*views, **{key: value[:n] for key, value in kwargs.items()}).backward()
step(64)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
step(n)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def peak(name: str, n: int) -> float:
    """Growth of the resident memory by one step of ``n`` pairs, in MB."""
    command = [sys.executable, "-c", SCRIPT, name, str(n)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="counts resident memory as Linux does")
@pytest.mark.parametrize("name", ["nt_xent", "low", "info_nce", "sup_con"])
def test_memory_is_linear(name):
    # The smallest matrix of similarities, 8,192 x 8,192 in float32, takes 268 MB.
    assert peak(name, 8192 if name == "info_nce" else 4096) < 120
