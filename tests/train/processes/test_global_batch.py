"""Samples, order, crops and views of global batches do not depend on how many processes train and read."""

from pathlib import Path

import forked
import pytest
import torch
from photo_files import photo_folder
from seen_batches import seen, train

from gnnclr.train import PhotoData
from gnnclr.vision import BatchViews, MLPHead, SimCLR, SlimResNet

PHOTOS, GLOBAL = 23, 6  # three batches an epoch


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "all"
    photo_folder(folder, PHOTOS, kinds=False)
    return folder


class OfRank(PhotoData):
    """The data of one of several processes, without them."""

    def __init__(self, root, rank, processes, workers):
        super().__init__(str(root), size=8, global_batch_size=GLOBAL, workers=workers)
        self.place = rank, processes
        self.setup("fit")
        self.check(SimCLR(SlimResNet((4, 8)), MLPHead(8, 8, 4), BatchViews(8, mean=0.5, std=0.2)))

    @property
    def ranks(self):
        return self.place


def loaders(root, processes, workers, state=None):
    """The batches of each process, from a state on."""
    made = [OfRank(root, rank, processes, workers) for rank in range(processes)]
    for data in made:
        if state is not None:
            data.load_state_dict(state)
    return made, [data.train_dataloader() for data in made]


def steps(iterators, count=None):
    """Samples and crops of some global batches, in order."""
    found = []
    for k, shares in enumerate(zip(*iterators)):
        found.append([torch.cat([share[name] for share in shares]) for name in ("index", "image")])
        if k + 1 == count:
            break
    return found


def assert_same(found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert all(torch.equal(a, b) for a, b in zip(one, other))


@pytest.fixture(scope="module")
def one(root):
    """Two epochs of one process that reads itself."""
    _, (loader,) = loaders(root, 1, 0)
    return steps([loader]) + steps([loader])


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_whoever_reads_and_trains(workers, processes, root, one):
    """A whole epoch, and one that was stopped by another number of both and goes on to the end of the next."""
    _, batches = loaders(root, processes, workers)
    assert all(len(loader) == 3 for loader in batches)
    assert_same(steps(batches), one[:3])
    for loader in batches:
        loader.close()
    for other, read in ((3 - processes, 0), (processes, 2 - workers)):
        before, batches = loaders(root, other, 0 if workers else read)
        seen = steps([iter(loader) for loader in batches], 2)
        _, batches = loaders(root, processes, workers, before[0].state_dict())
        seen += steps(batches) + steps(batches)
        assert_same(seen, one)
        for loader in batches:
            loader.close()


def run(folder, processes, *arguments):
    """A training in this process, or in several."""
    folder.mkdir(exist_ok=True)
    if processes == 1:
        return train(*arguments)
    code = "import sys, torch; torch.set_num_threads(1); from seen_batches import train; train(*sys.argv[1:])"
    forked.several(processes, forked.code, code, *arguments)
    return Path(arguments[1], "run", "checkpoints", "last.ckpt")


def test_trainings_hand_on_to_another_number_of_processes(root, tmp_path, one_thread):
    """Each is stopped within an epoch, and the next one goes on there."""
    whole = run(tmp_path / "whole", 1, root, tmp_path / "whole", 9, 0)
    wanted = seen(tmp_path / "whole", 1)
    assert [(epoch, k) for epoch, k, _ in wanted] == [(step // 3, step % 3) for step in range(9)]
    found, checkpoint = [], ""
    for processes, steps in ((1, 2), (2, 5), (1, 9)):
        folder = tmp_path / str(steps)
        checkpoint = run(folder, processes, root, folder, steps, processes - 1, checkpoint)
        found += seen(folder, processes)
    assert found == wanted
    a, b = (torch.load(path, weights_only=True)["state_dict"] for path in (whole, checkpoint))
    for name, value in a.items():
        torch.testing.assert_close(b[name], value, atol=1e-6, rtol=0)
