"""What becomes of a training when one of its processes fails, and what a further process says."""

import io
import json
import os
import signal

import pytest

from gnnclr import worker
from gnnclr.processes import STOPPED
from gnnclr.train import Run, watch
from gnnclr.train.interrupt import ResumableInterrupt
from gnnclr.train.workers import _back_to_interrupt, _watched


class Ended:
    """A process that has ended with a status, or runs."""

    def __init__(self, status):
        self.status = status

    def poll(self):
        return self.status


@pytest.mark.parametrize(
    ("error", "status", "raised", "message"),
    [
        (RuntimeError("connection closed"), 3, ChildProcessError, "process 1 of the run ended with exit status 3"),
        (RuntimeError("reset by peer"), None, ChildProcessError, "another process of the run has ended"),
        (RuntimeError("connection closed"), STOPPED, KeyboardInterrupt, None),
        (RuntimeError("of the training itself"), None, RuntimeError, "of the training itself"),
        (ValueError("of the training itself"), 3, ValueError, "of the training itself"),
    ],
)
def test_an_error_of_a_lost_connection_names_the_process_that_is_gone(error, status, raised, message, monkeypatch):
    monkeypatch.setattr(watch, "GRACE", 0.2)
    with pytest.raises(raised, match=message), _watched(ResumableInterrupt(""), [Ended(status)]):
        raise error


def test_an_exit_that_was_an_interrupt_is_one_again():
    """Lightning exits with status 1 on Ctrl-C, and ignores further ones."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), _back_to_interrupt():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SystemExit(1)  # noqa: B904
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(SystemExit), _back_to_interrupt():
        raise SystemExit(3)


@pytest.fixture
def alone(monkeypatch):
    """A further process in this one, which neither waits nor ends with its parent."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(worker, "end_with_parent", lambda: None)
    monkeypatch.setattr(worker, "PATIENCE", 0.0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_further_process_says_what_is_wrong_and_which_it_is(alone, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("{"))
    assert worker.main() == 2
    error = capsys.readouterr().err
    assert error.startswith("gnnclr: error in process 1: ") and error.count("\n") == 1
    for text, debug in (("{", "1"), ("{}", "")):  # what no check foresaw is shown whole
        monkeypatch.setenv("GNNCLR_DEBUG", debug)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert worker.main() == 2 and "Traceback" in capsys.readouterr().err


def test_a_further_process_that_is_asked_to_stop_says_so_by_its_status(alone, monkeypatch):
    statuses = []
    monkeypatch.setattr("sys.stdin", io.StringIO("{"))
    monkeypatch.setattr(os, "_exit", statuses.append)
    worker.main()
    os.kill(os.getpid(), signal.SIGTERM)
    assert statuses == [STOPPED]


def test_a_further_process_trains_and_writes_checkpoints_alone(alone, monkeypatch, tmp_path, small_graph):
    run = Run(small_graph, tmp_path / "run")
    task = {"settings": run.settings(), "folder": str(run.folder), "name": "run", "ckpt_path": None}
    monkeypatch.delenv("LOCAL_RANK")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(task)))
    assert worker.main() == 0
    assert run.checkpoint.is_file() and run.result is None  # it evaluates nothing
