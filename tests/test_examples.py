"""The examples run as a reader would run them."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_batch_as_graph():
    out = run(str(EXAMPLES / "batch_as_graph.py"))
    assert "largest difference of message and -gradient: 0.0" in out and "rewired: 512 positive edges" in out


def test_community_negatives():
    assert "same community weighs 0.2" in run(str(EXAMPLES / "community_negatives.py"))


def test_distributed():
    out = run("-m", "torch.distributed.run", "--nproc_per_node", "2", str(EXAMPLES / "distributed.py"))
    assert float(out.split("relative gradient error")[1]) < 1e-5


@pytest.mark.slow
def test_drop_in_loss():
    out = run(str(EXAMPLES / "drop_in_loss.py"))
    pixels, features = (float(line.split("gets")[1].split("%")[0]) for line in out.splitlines() if "linear" in line)
    assert features > pixels + 40


def test_every_example_is_tested():
    tested = {name.removeprefix("test_") + ".py" for name in globals() if name.startswith("test_")}
    assert {path.name for path in EXAMPLES.glob("*.py")} <= tested
