import functools
import multiprocessing
import os

import distributed_workers
import pytest
import torch

# Two cores are enough for everything here, and equal counts make runs comparable.
torch.set_num_threads(min(2, torch.get_num_threads()))


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("data") and not os.environ.get("GNNCLR_DATA"):
            item.add_marker(pytest.mark.skip(reason="needs real data: GNNCLR_DATA is not set"))


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """What a process says once, it says once in each test."""
    monkeypatch.setattr("gnnclr.ops.notice._once", set())


@pytest.fixture
def one_probe(monkeypatch):
    """Linear probes without a choice of settings, where runs are tested and not what they score."""
    from gnnclr.eval import linear_probe

    quick = functools.partial(linear_probe, scalings=["none"], C=[1.0])
    monkeypatch.setattr("gnnclr.eval.baselines.linear_probe", quick)


def pytest_generate_tests(metafunc):
    """Tests of the loss contract run at the temperatures and with the implementations that the loss has."""
    if hasattr(metafunc.cls, "temperatures"):
        for name, values in (("temperature", metafunc.cls.temperatures), ("impl", metafunc.cls.impls)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, values)


@pytest.fixture(scope="session")
def gloo(tmp_path_factory):
    """Two processes joined by gloo, for the whole session: ``gloo(function, *arguments)`` returns the result of each
    rank."""
    context = multiprocessing.get_context("spawn")
    ranks = context.Queue()
    for rank in range(distributed_workers.WORLD):
        ranks.put(rank)
    path = tmp_path_factory.mktemp("gloo") / "store"
    with context.Pool(distributed_workers.WORLD, distributed_workers.start, (ranks, path)) as pool:

        def run(function, *arguments):
            results = pool.map_async(
                distributed_workers.run, [(function, arguments)] * distributed_workers.WORLD, chunksize=1
            )
            return [result for _, result in sorted(results.get(timeout=120), key=lambda pair: pair[0])]

        yield run
