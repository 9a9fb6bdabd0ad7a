"""The thread that ends a process which waits for another one, on processes that do not exist."""

import os
import signal
import threading
import time

import pytest

from gnnclr.processes import STOPPED
from gnnclr.train import watch
from gnnclr.train.interrupt import ResumableInterrupt
from gnnclr.train.watch import ProcessWatch, failure

# The exits that the thread is left by.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Worker:
    """A process that has ended with the last of these statuses, which are looked at one by one."""

    def __init__(self, *statuses):
        self.statuses, self.killed = list(statuses), False

    def poll(self):
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def kill(self):
        self.killed = True


@pytest.fixture
def ended(monkeypatch):
    """Takes the place of the end of this process, and says with which status it came."""

    class Ended(list):
        event = threading.Event()

        def wait(self):
            assert self.event.wait(20), "it did not end"
            return self[0]

    seen = Ended()
    Ended.event = threading.Event()

    def end(status):
        seen.append(status)
        seen.event.set()
        raise SystemExit

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(watch, "GRACE", 0.05)
    return seen


@pytest.fixture
def deaf():
    """Signals do nothing by themselves."""
    before = {number: signal.signal(number, lambda *args: None) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_process_that_failed_takes_the_others_with_it(ended, capfd):
    workers = [Worker(None), Worker(None, None, 3)]
    with ProcessWatch(ResumableInterrupt(""), workers):
        assert ended.wait() == 2
    assert all(worker.killed for worker in workers)
    text = "process 2 of the run ended with exit status 3, and the others have ended with it"
    assert capfd.readouterr().err == f"\ngnnclr: error: {text}\n"


def test_further_processes_say_nothing(ended, capfd, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    with ProcessWatch(ResumableInterrupt(""), [Worker(-signal.SIGKILL)]):
        assert ended.wait() == 2
    assert capfd.readouterr().err == ""


def test_processes_that_end_well_are_no_failure(ended):
    with ProcessWatch(ResumableInterrupt(""), [Worker(0), Worker(None)]) as found:
        threading.Event().wait(0.4)
        assert found.failed() is None and found.lost() is None
    assert ended == []


def test_a_signal_before_the_training_ends_all_at_once(ended, deaf, capfd):
    worker = Worker(None)
    with ProcessWatch(ResumableInterrupt(""), [worker]):
        os.kill(os.getpid(), signal.SIGTERM)
        assert ended.wait() == STOPPED
    assert worker.killed and capfd.readouterr().err == "\ngnnclr: stopped\n"


def test_a_signal_in_the_training_asks_for_a_stop_and_a_second_one_ends_all(ended, deaf, monkeypatch):
    monkeypatch.setattr("gnnclr.train.interrupt.SAME_REQUEST", 0.0)
    interrupt, worker = ResumableInterrupt(""), Worker(None)
    interrupt.training = True
    with ProcessWatch(interrupt, [worker]):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(400):
            if interrupt.requested:
                break
            threading.Event().wait(0.01)
        assert interrupt.requested and ended == [] and not worker.killed
        os.kill(os.getpid(), signal.SIGINT)
        assert ended.wait() == STOPPED
    assert worker.killed


def test_a_lost_process_is_waited_for_a_moment(ended, monkeypatch):
    monkeypatch.setattr(watch, "GRACE", 4.0)
    assert ProcessWatch(ResumableInterrupt(""), [Worker(None, None, -9)]).lost() == (1, -9)
    assert ProcessWatch(ResumableInterrupt(""), []).lost() is None


def test_how_a_process_ended():
    assert failure(1, -9) == "process 1 of the run was killed by signal 9, and the others have ended with it"
    assert failure(2, 5) == "process 2 of the run ended with exit status 5, and the others have ended with it"


def test_another_thread_leaves_signals_alone(ended):
    found = []

    def use():
        with ProcessWatch(ResumableInterrupt(""), [Worker(None)]) as one:
            found.append((one._in_main, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert found == [(False, before)] and ended == []


def test_the_same_request_may_come_after_the_stop(tmp_path):
    """As where another process was asked, and all have stopped before this one hears of it."""
    before = signal.getsignal(signal.SIGINT)
    interrupt = ResumableInterrupt(tmp_path / "last.ckpt")
    interrupt.on_train_start(None, None)
    interrupt.saved = interrupt.request()
    late = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    late.start()
    try:
        interrupt.on_exception(None, None, None)
        late.join()
        time.sleep(0.05)  # in which a signal would be raised
    except KeyboardInterrupt:
        pytest.fail("it was taken for a second request")
    assert signal.getsignal(signal.SIGINT) is before
