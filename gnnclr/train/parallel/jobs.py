"""Several runs at the same time, under a limit of memory."""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from gnnclr.configs import RecipeError
from gnnclr.ops.check import check_count, check_positive
from gnnclr.ops.notice import was_noticed
from gnnclr.processes import STOPPED
from gnnclr.train.parallel.memory import resident_gb
from gnnclr.train.parallel.start import start_module

if TYPE_CHECKING:
    from gnnclr.train.run import Run

#: Seconds between two looks at the processes.
PAUSE = 0.2
#: Seconds that a process has to write its checkpoint after it was asked to stop.
PATIENCE = 30.0
#: How a process says its error.
ERROR = "gnnclr: error: "


@dataclass
class Job:
    """A run, or another task, that a process of its own does.

    Args:
        name (str): What messages call it.
        kind (str): What it shares with runs that take as much memory, such as the name of a recipe.
        task (dict): The input of :mod:`gnnclr.job`.
        known (float, optional): The memory that one of its kind took before, in GB. (default: ``None``)
    """

    name: str
    kind: str
    task: dict[str, Any]
    known: float | None = None

    @classmethod
    def of_run(cls, run: "Run", kind: str, known: float | None = None, do: str = "run") -> "Job":
        """The job of a run.

        Args:
            run (Run): The run.
            kind (str): What it shares with runs that take as much memory.
            known (float, optional): The memory that one of its kind took before, in GB. (default: ``None``)
            do (str, optional): What :mod:`gnnclr.job` does with it, ``"run"`` or ``"links"``. (default: ``"run"``)
        """
        return cls(run.name, kind, {"do": do, "settings": run.settings(), "folder": str(run.folder)}, known)


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    said: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    reader: threading.Thread | None = None


class Jobs:
    """Does runs in processes of their own, several at a time.

    With a limit of memory a run waits until what is in use and what it is expected to need fit together: what one of
    its kind was seen to need, or an equal share of the limit where none was seen. Where the processes exceed the limit
    nevertheless the run that began last is ended; it waits, and goes on from its last checkpoint when it is alone. One
    that exceeds the limit alone is refused by name, and so are the others of its kind; all else is done before.

    Processes compute with as many threads as this one, so that results are those of one process, and print through it.
    They end with it, however it ends.

    Args:
        processes (int): The largest number at a time.
        memory_limit (float, optional): The resident memory of all processes together, this one too, in GB. It is looked
            at five times a second. (default: ``None``, no limit)
    """

    def __init__(self, processes: int, memory_limit: float | None = None) -> None:
        self.processes: int = check_count("parallel", processes)
        self.limit: float | None = None if memory_limit is None else check_positive("memory_limit", memory_limit)
        self._needs: dict[str, float] = {}
        self._alone: set[str] = set()
        self._refused: dict[str, str] = {}
        self._running: list[_Running] = []
        self._printed: set[str] = set()

    def run(self, jobs: Sequence[Job]) -> None:
        """Does all of them, and returns when the last one has ended.

        Args:
            jobs (sequence): The runs, in the order in which they begin.

        Raises:
            RecipeError: If one fails, or exceeds the limit alone.
            KeyboardInterrupt: If this process, or one of a run, was asked to stop: all have written a checkpoint.
        """
        for job in jobs:
            if job.known is not None:
                self._needs[job.kind] = max(job.known, self._needs.get(job.kind, 0.0))
        waiting = deque(jobs)
        try:
            while waiting or self._running:
                self._take_ended()
                self._keep_limit(waiting)
                self._start_next(waiting)
                if waiting or self._running:
                    time.sleep(PAUSE)
        finally:
            self._stop_all()
        if self._refused:
            raise RecipeError("; ".join(self._refused.values()))

    def _start_next(self, waiting: deque[Job]) -> None:
        while waiting and len(self._running) < self.processes:
            if waiting[0].kind in self._refused:
                waiting.popleft()
                continue
            if self._running and not self._fits(waiting[0]):
                return
            job = waiting.popleft()
            task = job.task | {"name": job.name, "threads": torch.get_num_threads()}
            running = _Running(job, start_module("gnnclr.job", task, apart=True))
            running.reader = threading.Thread(target=self._print, args=(running,), daemon=True)
            self._running.append(running)
            running.reader.start()

    def _fits(self, job: Job) -> bool:
        if self.limit is None:
            return True
        if self._alone & {job.kind, *(running.job.kind for running in self._running)}:
            return False
        own = resident_gb()
        share = (self.limit - own) / self.processes
        expected = [
            max(resident_gb(running.process.pid), self._needs.get(running.job.kind, share)) for running in self._running
        ]
        return own + sum(expected) + self._needs.get(job.kind, share) <= self.limit

    def _keep_limit(self, waiting: deque[Job]) -> None:
        """Notes what runs need, and ends the youngest one where all together exceed the limit."""
        if self.limit is None:
            return
        used = [resident_gb(running.process.pid) for running in self._running]
        for running, gb in zip(self._running, used):
            self._needs[running.job.kind] = max(gb, self._needs.get(running.job.kind, 0.0))
        own = resident_gb()
        if not used or own + sum(used) <= self.limit:
            return
        last = self._running.pop()
        _end(last)
        if self._running:
            self._alone.add(last.job.kind)
            waiting.appendleft(last.job)
            total = f"{own + sum(used):.1f} GB of {self.limit:g} are in use"
            self._say(f"{last.job.name} waits until it is alone: {total}, {used[-1]:.1f} of them its own")
            return
        self._refused[last.job.kind] = (
            f"'memory_limit' must be larger for {last.job.name}: alone it had {used[-1]:.2f} GB beside the {own:.2f} "
            f"of this process (got {self.limit:g})"
        )

    def _take_ended(self) -> None:
        """Forgets runs that are done; the first one that is not ends all."""
        for running in [one for one in self._running if one.process.poll() is not None]:
            self._running.remove(running)
            _end(running)
            status = running.process.returncode
            if status == STOPPED:
                raise KeyboardInterrupt
            if status:
                raise RecipeError(_failure(running))

    def _stop_all(self) -> None:
        """Asks all to write a checkpoint and to end; those that do not are killed."""
        try:
            for running in self._running:
                running.process.terminate()
            deadline = time.monotonic() + PATIENCE
            for running in self._running:
                with suppress(subprocess.TimeoutExpired):
                    running.process.wait(max(0.0, deadline - time.monotonic()))
        finally:  # also at a second Ctrl-C
            while self._running:
                _end(self._running.pop())

    def _print(self, running: _Running) -> None:
        """Passes on what a process prints; what several say alike, as about their data, once."""
        for raw in running.process.stdout or ():
            line = raw.decode(errors="replace").rstrip()
            running.said.append(line)
            if line and not line.startswith(ERROR):
                self._say(line)

    def _say(self, line: str) -> None:
        if line not in self._printed and not was_noticed(line):
            self._printed.add(line)
            print(line, file=sys.stderr, flush=True)


def _end(running: _Running) -> None:
    running.process.kill()  # nothing happens where it has ended
    running.process.wait()
    if running.reader is not None:
        running.reader.join()
    if running.process.stdout is not None:
        running.process.stdout.close()


def _failure(running: _Running) -> str:
    status, name = running.process.returncode, running.job.name
    said = [line.removeprefix(ERROR) for line in running.said if line.startswith(ERROR)]
    if said:
        return said[-1] if name in said[-1] else f"{name}: {said[-1]}"
    how = f"ended with exit status {status}" if status > 0 else f"was killed by signal {-status}"
    return f"{name} {how}" + (f", after: {running.said[-1]}" if running.said else "")
