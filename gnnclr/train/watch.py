"""A thread that ends a process which waits for another one."""

import os
import select
import signal
import socket
import subprocess
import threading
import time

from gnnclr.processes import STOPPED, is_rank_zero
from gnnclr.train.interrupt import SIGNALS, ResumableInterrupt

#: Seconds in which the main thread may end by itself.
GRACE = 1.5


class ProcessWatch:
    """Follows signals, and the processes that this one has started, while the block runs.

    A process that waits for another one does so where Python does not run: it would hear of signals when the wait is
    over, which is never if the other one has ended. This thread asks for a stop at the next step; before and after the
    training, or at the second signal, it ends this process and those that it has started.

    Args:
        interrupt (ResumableInterrupt): Where the training hears that it shall stop.
        workers (list): The processes that this one has started, for ranks 1, 2, ...
    """

    def __init__(self, interrupt: ResumableInterrupt, workers: list[subprocess.Popen[bytes]]) -> None:
        self.interrupt: ResumableInterrupt = interrupt
        self.workers: list[subprocess.Popen[bytes]] = workers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="gnnclr-watch")
        self._failed_at: float | None = None

    def __enter__(self) -> "ProcessWatch":
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self._read.setblocking(False)
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            self._before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._over.set()
        if self._in_main:
            signal.set_wakeup_fd(self._before)
        self._thread.join()
        self._read.close()
        self._write.close()

    def failed(self) -> tuple[int, int] | None:
        """The rank and the exit status of a process that has failed, if any."""
        statuses = [(rank, worker.poll()) for rank, worker in enumerate(self.workers, 1)]
        return next(((rank, status) for rank, status in statuses if status), None)

    def lost(self) -> tuple[int, int] | None:
        """As :meth:`failed`, but waits a moment: a connection is closed a little before its process has ended."""
        deadline = time.monotonic() + GRACE / 2
        while self.workers and self.failed() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.failed()

    def _run(self) -> None:
        while not self._over.is_set():
            if select.select([self._read], [], [], 0.1)[0]:
                for number in self._read.recv(64):
                    if number in SIGNALS:
                        self._on_signal()
            failure = self.failed()
            if failure is not None:
                self._failed_at = self._failed_at or time.monotonic()
                if time.monotonic() - self._failed_at > 2 * GRACE:
                    self._end(*failure)

    def _on_signal(self) -> None:
        if self.interrupt.training:
            if not self.interrupt.request():
                self._end()
        elif not self._over.wait(GRACE):
            self._end()

    def _end(self, rank: int = 0, status: int = STOPPED) -> None:
        for worker in self.workers:
            worker.kill()
        if is_rank_zero():
            text = "stopped" if status == STOPPED else f"error: {failure(rank, status)}"
            os.write(2, f"\ngnnclr: {text}\n".encode())
        os._exit(status if status == STOPPED else 2)


def failure(rank: int, status: int) -> str:
    """Says how a process has ended.

    Args:
        rank (int): Its number.
        status (int): Its exit status, or minus the signal that ended it.
    """
    how = f"ended with exit status {status}" if status > 0 else f"was killed by signal {-status}"
    return f"process {rank} of the run {how}, and the others have ended with it"
