"""What becomes of runs at the same time, by small programs in the place of trainings."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import pytest

from gnnclr.configs import RecipeError
from gnnclr.train.parallel import jobs
from gnnclr.train.parallel.jobs import Job, Jobs
from gnnclr.train.parallel.memory import resident_gb

#: The memory of this process.
OWN = 0.5
#: Takes memory, waits for some time, and notes when it begins, ends and is asked to stop.
PROGRAM = """
import json, os, signal, sys, time
task = json.load(sys.stdin)
def note(what):
    with open("notes", "a") as file:
        file.write(f"{what} {task['name']}\\n")
def stop(number, frame):
    note("stopped")
    os._exit(130)
signal.signal(signal.SIGTERM, stop)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
note("begun")
open("begun " + task["name"], "w").close()
print("graph.pt: 120 nodes", flush=True)
held = bytearray(int(task.get("mb", 0) * 2**20))
held[::4096] = bytes(len(held[::4096]))
deadline = time.monotonic() + task.get("seconds", 0)
while time.monotonic() < deadline and not os.path.exists(task.get("until", "never")):
    time.sleep(0.01)
if "error" in task:
    print("gnnclr: error: " + task["error"], file=sys.stderr)
    os._exit(2)
if task.get("killed"):
    os.kill(os.getpid(), 9)
note("ended")
"""


def start(module, task, apart):
    assert module == "gnnclr.job" and apart
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], start_new_session=True, **streams)
    with process.stdin as file:
        file.write(json.dumps(task).encode())
    return process


def small(patch):
    patch.setattr(jobs, "start_module", start)
    patch.setattr(jobs, "PAUSE", 0.02)
    patch.setattr(jobs, "resident_gb", lambda process=None: OWN if process is None else resident_gb(process))


@pytest.fixture(autouse=True)
def programs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    small(monkeypatch)


def job(name, known=None, **task):
    return Job(name, name.split()[0], task, known)


def notes():
    return Path("notes").read_text().splitlines()


def test_runs_begin_in_order_and_print_what_they_share_once(capsys):
    Jobs(1).run([job("a 0"), job("a 1"), job("b 0")])
    assert notes() == [f"{what} {name}" for name in ("a 0", "a 1", "b 0") for what in ("begun", "ended")]
    assert capsys.readouterr().err.count("graph.pt: 120 nodes") == 1


def test_two_run_at_a_time_and_no_more(monkeypatch):
    held, most = Jobs(2), []
    take = held._take_ended
    monkeypatch.setattr(held, "_take_ended", lambda: (most.append(len(held._running)), take()))
    held.run([job(f"a {i}", seconds=0.3) for i in range(4)])
    assert max(most) == 2 and len(notes()) == 8


def test_a_run_waits_where_its_memory_does_not_fit():
    limit = OWN + 0.25
    Jobs(2, limit).run([job("a 0", 0.15, mb=1, seconds=0.2), job("b 0", 0.15), job("c 0", 0.02)])
    assert notes()[:2] == ["begun a 0", "ended a 0"] and len(notes()) == 6


def test_a_run_that_takes_more_than_was_expected_waits_until_it_is_alone():
    limit = OWN + 0.3
    runs, said = Jobs(2, limit), []
    runs._say = lambda line: (said.append(line), Path("said").touch() if "waits" in line else None)
    runs.run([job("a 0", mb=130, seconds=30, until="said"), job("b 0", mb=200, seconds=0.5)])
    assert sorted(notes()[:2]) == ["begun a 0", "begun b 0"]
    assert notes()[2:] == ["ended a 0", "begun b 0", "ended b 0"]
    assert any(line.startswith("b 0 waits until it is alone: ") for line in said)


def test_a_run_that_is_too_large_alone_is_refused_by_name_and_the_others_are_done():
    limit = OWN + 0.15
    with pytest.raises(RecipeError, match=r"^'memory_limit' must be larger for a 0: alone it had 0\.\d+ GB beside"):
        Jobs(1, limit).run([job("a 0", mb=300, seconds=20), job("a 1", mb=300), job("b 0", mb=5)])
    assert notes() == ["begun a 0", "begun b 0", "ended b 0"]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"error": "'model.optimizer.lr' must be positive"}, r"^b 0: 'model\.optimizer\.lr' must be positive$"),
        ({"killed": True}, "^b 0 was killed by signal 9, after: graph.pt: 120 nodes$"),
    ],
)
def test_a_run_that_fails_ends_the_others_and_is_named(task, message):
    with pytest.raises(RecipeError, match=message):
        Jobs(2).run([job("a 0", seconds=30), job("b 0", seconds=30, until="begun a 0", **task), job("c 0")])
    assert sorted(notes()) == ["begun a 0", "begun b 0", "stopped a 0"]


def many(count):
    """As a process of its own: runs that take longer than the test."""
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        try:
            Jobs(int(count)).run([job(f"a {i}", seconds=60) for i in range(3)])
        except KeyboardInterrupt:
            os._exit(130)


def test_an_interrupt_ends_all():
    process = forked.Forked(many, 2)
    forked.wait_for(lambda: Path("notes").exists() and len(notes()) == 2, process, 30)
    process.send_signal(signal.SIGINT)
    process.finish(130, seconds=20)
    assert sorted(notes()) == ["begun a 0", "begun a 1", "stopped a 0", "stopped a 1"]


def test_a_run_that_was_asked_to_stop_stops_all():
    with pytest.raises(KeyboardInterrupt):
        runs = Jobs(2)
        watch = runs._keep_limit

        def ask(waiting):
            if len(runs._running) == 2 and Path("notes").exists() and len(notes()) == 2:
                runs._running[0].process.send_signal(signal.SIGTERM)
                time.sleep(0.1)
            watch(waiting)

        runs._keep_limit = ask
        runs.run([job("a 0", seconds=30), job("b 0", seconds=30)])
    assert sorted(notes()) == ["begun a 0", "begun b 0", "stopped a 0", "stopped b 0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "'parallel' must be"), ((2, -1.0), "'memory_limit' must be a positive number")],
)
def test_wrong_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        Jobs(*arguments)
