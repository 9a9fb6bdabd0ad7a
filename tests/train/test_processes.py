"""Runs on two processes, joined by gloo, through the command."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from gnnclr.train import read_metrics

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")

TWO = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.log_every_n_steps=1"]
#: Random views, batch normalization, and batches that are chosen by embeddings.
DIGITS = [
    "--config=simclr-digits",
    "--data.dataset=digits",
    "--data.batch_size=64",
    "--data.limit=512",
    "--data.selection=gnnclr.graph.batches.SpectralBatches",
    "--data.selection.k=2",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--model.method.projector.hidden_features=8",
    "--model.method.projector.out_features=8",
    "--trainer.max_epochs=12",
]
STEPS = 48
GRAPH = ["--config=grace-sbm", "--data.size=120", "--trainer.max_epochs=2"]


class Command:
    """``gnnclr`` in a process of its own."""

    def __init__(self, *arguments, cwd, launcher=()):
        command = [sys.executable, *launcher, "-m", "gnnclr.cli", *map(str, arguments)]
        package = str(Path(__file__).parents[2])
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": package}
        self.process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid

    def workers(self):
        return children(self.pid)

    def finish(self, status=0, seconds=100):
        started = time.monotonic()
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            for pid in [*self.workers(), self.pid]:
                os.kill(pid, signal.SIGKILL)
            pytest.fail(f"no end after {seconds} s: {self.process.communicate()}")
        assert self.process.returncode == status, err
        self.seconds = time.monotonic() - started
        return out, err

    def wait_for(self, condition):
        deadline = time.monotonic() + 100
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)


def children(pid):
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone(pids, seconds=5):
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))


def checkpoint(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def assert_same_run(a, b):
    first, second = checkpoint(a), checkpoint(b)
    assert first["global_step"] == second["global_step"] == STEPS
    for key, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][key]), key
    for key, state in first["optimizer_states"][0]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, second["optimizer_states"][0]["state"][key][name]), name
    assert (a / "metrics.csv").read_text() == (b / "metrics.csv").read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def whole(place):
    """A run that nothing stops, and what it printed."""
    out, _ = Command("fit", *DIGITS, *TWO, cwd=place).finish()
    return place / "runs" / "simclr-digits" / "1", out


def test_one_process_evaluates_and_writes(whole, place):
    folder, out = whole
    assert out.count("everything is in") == out.count("trained") - out.count("untrained") == 1
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "metrics.csv", "metrics.json", "checkpoints"}
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["last.ckpt"]
    assert [row["step"] for row in read_metrics(folder / "metrics.csv")] == list(range(STEPS))
    before = json.loads((folder / "metrics.json").read_text())
    Command("evaluate", f"--run={folder}", cwd=place).finish()
    # To the last digit: the weights and the statistics are those of the checkpoint.
    assert json.loads((folder / "metrics.json").read_text())["test"] == before["test"]
    assert before["steps"] == STEPS


@pytest.mark.parametrize("both", [False, True], ids=["one is asked to stop", "both are"])
def test_a_stop_leaves_a_checkpoint_that_resumes_bit_for_bit(whole, place, both):
    folder = place / f"stopped-{both}"
    run = Command("fit", *DIGITS, *TWO, f"--out={folder}", cwd=place)
    run.wait_for(lambda: len(read_metrics(folder / "metrics.csv")) >= 6)
    pids = [run.pid, *run.workers()]
    assert len(pids) == 2
    if both:
        os.kill(pids[0], signal.SIGINT)
        time.sleep(0.05)
        os.kill(pids[1], signal.SIGINT)
    else:
        os.kill(pids[1], signal.SIGTERM)
    _, err = run.finish(130)
    assert run.seconds < 10 and gone(pids)
    step = checkpoint(folder)["global_step"]
    assert 6 <= step < STEPS - 4
    assert err.count(f"Stopped after step {step}. Go on with") == 1 and "Traceback" not in err
    Command("fit", f"--ckpt_path={folder / 'checkpoints' / 'last.ckpt'}", cwd=place).finish()
    assert_same_run(whole[0], folder)
