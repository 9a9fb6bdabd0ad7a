"""Programs in processes of their own, forked by a server that has imported the package: importing takes longer than
what most of them do. One server is started in each process of the tests, when the first of them runs."""

import io
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import types
import warnings
from pathlib import Path

import pytest
from probes import make_quick

#: What the server imports: the package, and libraries that it imports as it goes.
PRELOADED = ["gnnclr.cli", "gnnclr.report", "gnnclr.train", "matplotlib.figure", "omegaconf", "sklearn.linear_model"]


def server():
    """The context of ``multiprocessing`` whose processes the server forks."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def gnnclr(*arguments):
    """The command, with quick probes."""
    from gnnclr.cli import main

    make_quick(pytest.MonkeyPatch())
    sys.exit(main(list(arguments)))


def gnnclr_in_forks(*arguments):
    """The same, where the further processes of a training are forked by the first one, which has imported all that they
    need."""
    # Of this module alone: libraries start programs too.
    forks = types.SimpleNamespace(**vars(subprocess) | {"Popen": Worker})
    pytest.MonkeyPatch().setattr("gnnclr.train.parallel.start.subprocess", forks)
    gnnclr(*arguments)


def launched(count, *arguments):
    """The command in several processes of ``torch.distributed.run``, which forks them."""
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    meeting = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "run_id": "launched"}
    config = LaunchConfig(1, 1, int(count), start_method="fork", **meeting)
    elastic_launch(config, _rank)(*arguments)


def _rank(*arguments):
    from gnnclr.cli import main

    assert main(list(arguments)) == 0


def script(path, *arguments):
    """A file as the main program."""
    sys.argv[:] = [path, *arguments]
    sys.path.insert(0, str(Path(path).parent))
    runpy.run_path(path, run_name="__main__")


def code(text, *arguments):
    """A text as the main program."""
    sys.argv[:] = ["-c", *arguments]
    exec(compile(text, "<text>", "exec"), {"__name__": "__main__"})


def _run(function, arguments, folder, environment, streams):
    for number, name in enumerate(streams, start=1):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("ignore")
    # Processes that read photos would import all of it anew, each from a server of its own.
    multiprocessing.set_start_method("fork", force=True)
    # The process that starts tests in parallel has these its own way.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    function(*arguments)


class Worker:
    """What :class:`subprocess.Popen` is for a further process of a training, forked."""

    def __init__(self, command, env, stdin, stdout, stderr, start_new_session):
        assert command == [sys.executable, "-m", "gnnclr.worker"] and stdin == subprocess.PIPE
        assert stdout is None and stderr is None and not start_new_session
        read, write = os.pipe()
        self._process = multiprocessing.get_context("fork").Process(target=self._work, args=(read, write, env))
        self._process.start()
        os.close(read)
        self.stdin = os.fdopen(write, "wb")

    def _work(self, read, write, environment):
        from gnnclr.worker import main

        os.close(write)
        sys.stdin = os.fdopen(read)
        os.environ.clear()
        os.environ.update(environment)
        status = main()
        sys.stderr.flush()
        os._exit(status)

    def poll(self):
        return self._process.exitcode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired("gnnclr.worker", timeout)
        return self.poll()

    def kill(self):
        self._process.kill()


class ForkedJob:
    """What ``start_module("gnnclr.job", ...)`` returns for a run at the same time as others, forked; with quick
    probes."""

    def __init__(self, module, task, apart):
        assert module == "gnnclr.job" and apart
        self._folder = tempfile.TemporaryDirectory()
        pipe = os.path.join(self._folder.name, "out")
        os.mkfifo(pipe)
        arguments = (json.dumps(task), pipe, os.getcwd(), dict(os.environ))
        self._process = server().Process(target=_job, args=arguments)
        self._process.start()
        self.stdout = open(pipe, "rb")  # noqa: SIM115 - whoever waits for the process closes it
        self.pid, self.terminate, self.kill = self._process.pid, self._process.terminate, self._process.kill

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("gnnclr.job", timeout)
        return self.returncode


def _job(task, pipe, folder, environment):
    file = os.open(pipe, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(file, number)
    os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    make_quick(pytest.MonkeyPatch())
    from gnnclr.job import main

    sys.stdin = io.StringIO(task)
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Forked:
    """``function(*arguments)`` in a process of its own, with the working directory and the environment of this one, or
    others: what :class:`subprocess.Popen` is for commands."""

    def __init__(self, function, *arguments, cwd=None, environment=None):
        self._files = tempfile.TemporaryDirectory()
        self._streams = [Path(self._files.name, name) for name in ("out", "err")]
        arguments = tuple(map(str, arguments))
        environment = dict(os.environ if environment is None else environment)
        target = (function, arguments, cwd or os.getcwd(), environment, self._streams)
        self._process = server().Process(target=_run, args=target)
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        """The exit status, or none while it runs."""
        return self._process.exitcode

    def send_signal(self, number):
        """Sends a signal."""
        os.kill(self.pid, number)

    def finish(self, status=0, seconds=300):
        """What it wrote to both streams, once it has ended with this status; a process that does not is killed."""
        self._process.join(seconds)
        late = self._process.is_alive()
        if late:
            self._process.kill()
            self._process.join()
        out, err = (path.read_text(encoding="utf-8") if path.exists() else "" for path in self._streams)
        self._files.cleanup()
        assert not late, f"no end after {seconds} s: {out}{err}"
        assert self._process.exitcode == status, f"ended with {self._process.exitcode}: {out}{err}"
        return out, err


def wait_for(condition, process, seconds=240):
    """Waits until something holds, as long as a process runs."""
    deadline = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def several(count, function, *arguments):
    """What the processes of a group print, which ``torch.distributed.run`` would start with this environment."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "OMP_NUM_THREADS": "1"}
    meeting |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    ranks = [
        Forked(function, *arguments, environment=os.environ | meeting | {"RANK": str(i), "LOCAL_RANK": str(i)})
        for i in range(count)
    ]
    return "".join(rank.finish()[0] for rank in ranks)
