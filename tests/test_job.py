"""A run in a process of its own: what it does, and what it says where it cannot."""

import io
import json
import signal

import pytest
import torch

from gnnclr import job
from gnnclr.processes import STOPPED
from gnnclr.train import Run, TrainingInterrupted, parse_recipe

SHORT = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--data.size=150"]


@pytest.fixture
def task(monkeypatch, tmp_path, quick_probes, one_thread):
    """What gives the process its task."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(job, "end_with_parent", lambda: None)
    run = Run(parse_recipe("grace-sbm", SHORT), tmp_path / "run")

    def give(**changes):
        task = {"do": "run", "settings": run.settings(), "folder": str(run.folder), "name": "grace seed 0"}
        task["threads"] = 1
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(task | changes)))
        return run

    yield give
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_run_is_done_and_its_settings_stay(task, capsys):
    run = task(threads=1)
    assert job.main() == 0 and torch.get_num_threads() == 1
    assert set(run.result["test"]) == {"raw", "A²X", "untrained", "trained"} and run.result["memory_gb"] > 0.1
    assert Run.open(run.folder).settings() == (run.folder / "config.yaml").read_text()
    assert "grace seed 0: step" in capsys.readouterr().err


def test_a_stop_has_a_status_of_its_own(task, monkeypatch):
    task()

    def stop(run, checkpoint):
        raise TrainingInterrupted(run.checkpoint, 3)

    monkeypatch.setattr(Run, "fit", stop)
    assert job.main() == STOPPED


@pytest.mark.parametrize(
    "error", [ValueError("one\nerror"), FileNotFoundError(2, "missing", "graph.pt"), KeyError("x")]
)
def test_errors_are_a_line(error, task, monkeypatch, capsys):
    task()

    def fail(run, checkpoint):
        raise error

    monkeypatch.setattr(Run, "fit", fail)
    assert job.main() == 2
    said = capsys.readouterr().err
    assert said.startswith("gnnclr: error: ") and said.count("\n") == 1
    monkeypatch.setenv("GNNCLR_DEBUG", "1")
    task()
    with pytest.raises(type(error)):
        job.main()
