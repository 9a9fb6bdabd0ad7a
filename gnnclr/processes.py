"""Functions for one of several processes, without the heavy imports."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Set by launchers to the number of a process, on all machines or on its own.
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
#: The exit status of a process that was asked to stop.
STOPPED = 130


def is_rank_zero() -> bool:
    """Whether this is the only process, or the first one of those that a launcher has started."""
    return all(os.environ.get(name, "0") in ("", "0") for name in RANKS)


def end_with_parent() -> None:
    """Ends this process at once when the one that started it is gone, by a thread: it may be waiting for it for ever,
    deep inside a library."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.3)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="gnnclr-parent").start()


def take_signals() -> None:
    """From now on a signal ends this process at once, without a traceback; a training takes them over."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    if hasattr(signal, "pthread_sigmask"):  # held back since the process was started
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _stop(number: int, frame: FrameType | None) -> None:
    os._exit(STOPPED)


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """While the block runs, a request to terminate ends it like Ctrl-C, by a :class:`KeyboardInterrupt`: the block
    cleans up. Only in the main thread."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
