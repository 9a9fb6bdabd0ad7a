import io

import pytest
import torch
from contracts.epoch import EpochContract

from gnnclr.graph.batches import HighLossBatches, SpectralBatches
from gnnclr.losses import NTXentLoss
from gnnclr.vision import TensorLoader


def make(n=23, **kwargs):
    images = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1)
    return TensorLoader(images, torch.arange(n) % 3, **{"batch_size": 5, "seed": 1, **kwargs})


def rows(batches):
    return [batch["index"].tolist() for batch in batches]


def test_an_epoch():
    loader = make(drop_last=False)
    batches = list(loader)
    assert len(batches) == len(loader) == 5
    assert sorted(index for row in rows(batches) for index in row) == list(range(23))
    for batch in batches:
        assert torch.equal(batch["image"][:, 0, 0, 0].long(), batch["index"])
        assert torch.equal(batch["label"], batch["index"] % 3)


def test_drop_last_follows_shuffle():
    assert len(make()) == len(list(make())) == 4
    assert rows(make(shuffle=False)) == [list(range(k, min(k + 5, 23))) for k in range(0, 23, 5)]


class TestTensorLoader(EpochContract):
    def make(self, **kwargs):
        return make(**kwargs)

    def rows(self, batches):
        return rows(batches)


def test_processes_share_an_epoch():
    loaders = [make(rank=rank, world_size=2, batch_size=3, drop_last=False) for rank in range(2)]
    parts = [torch.cat([batch["index"] for batch in loader]) for loader in loaders]
    assert len(parts[0]) == len(parts[1]) == 11
    assert not torch.isin(parts[0], parts[1]).any()


def test_no_labels():
    assert set(next(iter(TensorLoader(torch.zeros(4, 1, 2, 2), batch_size=2)))) == {"image", "index"}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"batch_size": 0}, "'batch_size' must be a positive integer"),
        ({"batch_size": 24}, "'images' must fill a batch of 24"),
        ({"rank": 1}, "'rank' must be at least 0 and below 'world_size'"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


def test_wrong_labels():
    with pytest.raises(ValueError, match=r"'labels' must have shape \[4\]"):
        TensorLoader(torch.zeros(4, 1, 2, 2), torch.zeros(3), batch_size=2)


def samples(batches):
    return sorted(index for row in rows(batches) for index in row)


def with_selection(n=64, k=4, embeddings=True, **kwargs):
    selection = SpectralBatches(k)
    if embeddings:
        generator = torch.Generator().manual_seed(0)
        selection.set_embeddings(*(torch.randn(n, 4, generator=generator) for _ in range(2)))
    return make(n, **{"selection": selection, **kwargs})


def test_a_selection_makes_the_batches():
    plain, chosen = make(64), with_selection()
    assert len(plain) == len(chosen) == 12
    first, second = rows(chosen), rows(chosen)
    assert first != second and first != rows(plain)
    assert all(len(row) == len(set(row)) == 5 for row in first)
    # The samples of an epoch are those of its order.
    assert sorted(index for row in first for index in row) == samples(make(64))
    assert rows(with_selection(k=1)) == rows(with_selection(embeddings=False)) == rows(make(64))


def test_a_selection_is_fixed_by_seed_and_epoch():
    loader, again = with_selection(), with_selection()
    epochs = [rows(loader) for _ in range(3)]
    again.set_epoch(2)
    assert rows(again) == epochs[2]
    assert rows(with_selection(seed=2)) != epochs[0]


def test_a_selection_may_shorten_an_epoch():
    loader = make(64, selection=HighLossBatches(NTXentLoss(), k=4, q=1))
    assert len(loader) == len(list(loader)) == 3
    whole = with_selection(drop_last=False)
    assert len(whole) == len(list(whole)) == 13 and samples(whole) == list(range(64))


class TestSelection(EpochContract):
    def make(self, **kwargs):
        return with_selection(**kwargs)

    def rows(self, batches):
        return rows(batches)


def test_a_resumed_selection_is_that_of_every_process():
    """The checkpoint holds the batches of all processes, and each takes its own part."""
    loaders = [with_selection(rank=rank, world_size=2) for rank in range(2)]
    expected = [rows(loader) for loader in loaders]
    loaders = [with_selection(rank=rank, world_size=2) for rank in range(2)]
    next(iter(loaders[0]))
    for rank in range(2):
        resumed = with_selection(embeddings=False, rank=rank, world_size=2)
        resumed.load_state_dict(loaders[0].state_dict())
        assert rows(resumed) == expected[rank][1:]
    assert expected[0] != expected[1]


def test_images_of_another_number():
    with pytest.raises(ValueError, match=r"'num_images' must be 23 as in the checkpoint"):
        make(24).load_state_dict(make().state_dict())


def test_resume_without_the_embeddings():
    """A run that is resumed within an epoch has no embeddings of its start."""
    loader = with_selection()
    expected = rows(loader) + rows(loader)
    loader = with_selection()
    batches = iter(loader)
    seen = rows([next(batches) for _ in range(5)])
    state = torch.load(io.BytesIO(saved(loader.state_dict())), weights_only=True)
    resumed = with_selection(embeddings=False)
    resumed.load_state_dict(state)
    seen += rows(resumed)
    resumed.selection = with_selection().selection
    assert seen + rows(resumed) == expected
    assert set(resumed.state_dict()) == {"epoch", "position", "layout"}  # between epochs nothing is kept


def saved(state):
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()
