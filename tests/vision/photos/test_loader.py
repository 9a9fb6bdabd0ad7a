import gc

import pytest
import torch
from contracts.epoch import EpochContract
from photo_files import photo_folder

from gnnclr.vision import PhotoCrops, PhotoFolder, RandomResizedCrop
from gnnclr.vision.photos.loader import PhotoLoader
from gnnclr.vision.photos.reader import PhotoReader


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    photo_folder(root, 23, kinds=False)
    return PhotoFolder(root)


def make(photos, workers=0, **kwargs):
    reader = PhotoReader(photos, PhotoCrops(RandomResizedCrop(8), 2, seed=1))
    return PhotoLoader(
        reader, torch.arange(23), torch.arange(23) % 3, **{"batch_size": 5, "seed": 1, **kwargs}, workers=workers
    )


class TestPhotoLoader(EpochContract):
    @pytest.fixture(autouse=True)
    def source(self, photos):
        self.photos = photos

    def make(self, **kwargs):
        return make(self.photos, **kwargs)

    def rows(self, batches):
        return [batch["index"].tolist() for batch in batches]


def test_a_batch(photos):
    batches = list(make(photos))
    assert len(batches) == 4 and batches[0]["image"].shape == (5, 2, 3, 8, 8)
    assert torch.equal(batches[0]["label"], batches[0]["index"] % 3)
    rows = torch.tensor([3, 7, 11, 2])
    some = next(iter(PhotoLoader(make(photos).reader, rows, batch_size=4)))
    assert set(some) == {"image", "index"} and sorted(some["index"].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 1), (1, 0)])
def test_a_resumed_epoch_is_the_same_with_other_workers(before, after, photos):
    whole = make(photos)
    expected = [batch for _ in range(2) for batch in whole]  # two epochs
    first, resumed = make(photos, before), make(photos, after)
    batches = iter(first)
    seen = [next(batches) for _ in range(2)]
    resumed.load_state_dict(first.state_dict())
    seen += [*resumed, *resumed]
    assert len(seen) == len(expected) == 8
    for one, other in zip(seen, expected):
        assert torch.equal(one["index"], other["index"]) and torch.equal(one["image"], other["image"])
    assert not torch.equal(expected[0]["image"], expected[4]["image"])
    first.close(), resumed.close()


def readers(loader):
    """The processes that read."""
    return loader._open[0]._iterator._workers


def test_workers_stay_from_epoch_to_epoch(photos):
    loader = make(photos, 1)
    list(loader)
    reads = readers(loader)
    list(loader)
    assert readers(loader) is reads
    loader.close()
    assert [process.exitcode for process in reads] == [0]
    assert len(list(loader)) == 4 and readers(loader) is not reads
    loader.close()


@pytest.mark.parametrize("ends", ["in an epoch", "after it"])
def test_workers_of_a_loader_that_is_garbage_end_by_themselves(ends, photos):
    """Where they are waited for in vain, they are killed after seconds, and have another exit status."""
    loader = make(photos, 2)
    batches = iter(loader)
    next(batches) if ends == "in an epoch" else list(batches)
    loader.circle, reads = [loader, batches], readers(loader)
    del loader, batches
    gc.collect()
    assert [process.exitcode for process in reads] == [0, 0]
