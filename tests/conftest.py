import gc
import multiprocessing
import os
import random
import signal
import threading
from contextlib import contextmanager

import distributed_workers
import forked
import numpy as np
import pytest
import torch
from probes import make_quick

# Two cores are enough for everything here, and equal counts make runs comparable.
torch.set_num_threads(min(2, torch.get_num_threads()))
# A shell lets its background jobs ignore Ctrl-C, which tests send to themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Programs draw without a screen.
os.environ.setdefault("MPLBACKEND", "agg")


#: What takes long, and shares trained runs: first, as parallel processes take work from each other at the end, and what
#: two of them have a part of they both make.
FIRST = ("tests/train/", "tests/report/", "tests/test_")


def pytest_collection_modifyitems(items):
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
    for item in items:
        if item.get_closest_marker("data") and not os.environ.get("GNNCLR_DATA"):
            item.add_marker(pytest.mark.skip(reason="needs real data: GNNCLR_DATA is not set"))


def pytest_collection():
    gc.disable()


def pytest_collection_finish():
    """What is imported and collected lives to the end: the garbage collector need not walk it again and again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """What a process says once, it says once in each test."""
    monkeypatch.setattr("gnnclr.ops.notice._once", set())


@pytest.fixture(autouse=True)
def same_draws():
    """A test that says no seed draws the same, whichever tests its worker ran before."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def same_threads():
    """What a test says of threads of torch ends with it: sums in another order round otherwise."""
    threads = torch.get_num_threads()
    yield
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


@pytest.fixture
def one_thread(same_threads):
    """One thread of torch: small things gain nothing from several."""
    torch.set_num_threads(1)


@pytest.fixture
def one_probe(monkeypatch):
    """Linear probes without a choice of settings, where runs are tested and not what they score."""
    make_quick(monkeypatch)


@pytest.fixture(scope="module")
def quick_probes():
    """The same for a whole module, and the runs that its tests share."""
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch)
        yield


def pytest_generate_tests(metafunc):
    """Tests of the loss contract run at the temperatures and with the implementations that the loss has."""
    if hasattr(metafunc.cls, "temperatures"):
        for name, values in (("temperature", metafunc.cls.temperatures), ("impl", metafunc.cls.impls)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, values)


@contextmanager
def processes(world, path):
    """Processes joined by gloo: ``run(function, *arguments)`` returns the result of each rank."""
    context = forked.server()
    ranks = context.Queue()
    for rank in range(world):
        ranks.put(rank)
    with context.Pool(world, distributed_workers.start, (ranks, path, world)) as pool:
        hung = []

        def run(function, *arguments):
            if hung:
                pytest.fail(f"processes wait for each other since {hung[0]}")
            results, errors = [], []
            tasks = pool.imap_unordered(distributed_workers.run, [(function, arguments)] * world)
            for _ in range(world):
                try:
                    results.append(tasks.next(timeout=20 if errors else 120))
                except multiprocessing.TimeoutError:  # of one that failed others may wait forever
                    hung.append(os.environ["PYTEST_CURRENT_TEST"])
                    break
                except Exception as error:
                    errors.append(error)
            if errors or hung:
                raise errors[0] if errors else TimeoutError("processes wait for each other")
            return [result for _, result in sorted(results, key=lambda pair: pair[0])]

        yield run
        # They end by themselves, as what measures coverage writes at the end of a process; one that hangs is killed.
        pool.close()
        ended = threading.Thread(target=pool.join, daemon=True)
        ended.start()
        ended.join(20)


@pytest.fixture(scope="session")
def gloo(tmp_path_factory):
    """Two processes for the whole session: ``gloo(function, *arguments)`` returns the result of each rank."""
    with processes(2, tmp_path_factory.mktemp("gloo") / "store") as run:
        yield run


@pytest.fixture(scope="module")
def gloo_of_four(tmp_path_factory):
    """The same of four processes, for a module."""
    with processes(4, tmp_path_factory.mktemp("gloo") / "store") as run:
        yield run
