import pytest
import torch
from torch_geometric.data import Data

from gnnclr.eval import Split


def test_masks_and_indices_are_the_same():
    mask = torch.tensor([True, False, True, False])
    split = Split(mask, torch.tensor([1]), torch.tensor([3]))
    assert split.train.tolist() == [0, 2] and split.train.dtype == torch.int64
    assert str(split) == "Split(train=2, val=1, test=1)"
    assert split.check(4) is split


def test_from_masks():
    masks = torch.eye(3, dtype=torch.bool)
    split = Split.from_masks(Data(train_mask=masks[0], val_mask=masks[1], test_mask=masks[2]))
    assert [split.train.item(), split.val.item(), split.test.item()] == [0, 1, 2]
    with pytest.raises(ValueError, match="'train_mask' of shape"):
        Split.from_masks(Data(x=torch.zeros(3, 1)))
    with pytest.raises(ValueError, match=r"'data.test_mask' must hold a node \(got none of 6\)"):
        Split.from_masks(Data(train_mask=torch.ones(6) > 0, val_mask=torch.ones(6) < 0, test_mask=torch.ones(6) < 0))
    with pytest.raises(ValueError, match=r"'train_mask' of shape \[n\]"):
        Split.from_masks(Data(train_mask=masks, val_mask=masks, test_mask=masks))


@pytest.mark.parametrize(
    "train, val, test, message",
    [
        ([0, 1], [1], [2], "'train' and 'val' must be disjoint"),
        ([0], [1], [0], "'train' and 'test' must be disjoint"),
        ([0], [1, 2], [2], "'val' and 'test' must be disjoint"),
        ([], [1], [2], "'train' must not be empty"),
        ([0], [1], [], "'test' must not be empty"),
        ([0, 0], [1], [2], "'train' must not repeat"),
        ([0.5], [1], [2], "'train' must be a vector of row indices"),
    ],
)
def test_errors(train, val, test, message):
    with pytest.raises(ValueError, match=message):
        Split(torch.tensor(train), torch.tensor(val), torch.tensor(test))


@pytest.mark.parametrize("index", [-1, 5])
def test_rows_out_of_range(index):
    with pytest.raises(ValueError, match="'test' must hold rows between 0 and 4"):
        Split(torch.tensor([0]), torch.tensor([1]), torch.tensor([index])).check(5)


def test_random_partitions_all_rows_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    split = Split.random(100, train=0.2, val=0.3, seed=1)
    assert torch.equal(state, torch.get_rng_state())
    assert [split.train.numel(), split.val.numel(), split.test.numel()] == [20, 30, 50]
    assert torch.cat([split.train, split.val, split.test]).sort().values.equal(torch.arange(100))
    assert split.train.equal(Split.random(100, train=0.2, val=0.3, seed=1).train)
    assert not split.train.equal(Split.random(100, train=0.2, val=0.3, seed=2).train)


def test_stratified_divides_every_class_alike():
    y = torch.tensor([0] * 100 + [1] * 50 + [7] * 10)[torch.randperm(160, generator=torch.Generator().manual_seed(0))]
    split = Split.stratified(y, train=0.2, val=0.1, seed=3)
    assert [int((y[split.train] == c).sum()) for c in (0, 1, 7)] == [20, 10, 2]
    assert [int((y[split.val] == c).sum()) for c in (0, 1, 7)] == [10, 5, 1]
    assert torch.cat([split.train, split.val, split.test]).sort().values.equal(torch.arange(160))
    assert not split.train.equal(Split.stratified(y, train=0.2, val=0.1, seed=4).train)


@pytest.mark.parametrize(
    "train, val, message",
    [
        (0.0, 0.1, "'train' must be a finite number, above 0, below 1"),
        (1.2, 0.0, "'train' must be a finite number, above 0, below 1"),
        (0.5, -0.1, "'val' must be a finite number, at least 0, below 1"),
        (0.5, 0.5, "'train' and 'val' must be shares whose sum is below 1"),
    ],
)
def test_bad_shares(train, val, message):
    with pytest.raises(ValueError, match=message):
        Split.random(10, train=train, val=val)


def test_too_few_rows():
    with pytest.raises(ValueError, match="'n' must leave rows"):
        Split.random(2)


def test_masks_must_be_as_long_as_there_are_rows():
    masks = [torch.arange(6) % 3 == part for part in range(3)]
    assert Split(*masks).check(6).check(6)
    for n in (5, 7):
        with pytest.raises(ValueError, match=f"masks of a split must hold an entry for each of {n} rows \\(got 6\\)"):
            Split(*masks).check(n)
    with pytest.raises(ValueError, match="masks must be equally long"):
        Split(masks[0], masks[1][:4], masks[2])
    named = dict(zip(("train_mask", "val_mask", "test_mask"), masks))
    with pytest.raises(ValueError, match="an entry for each of 9 rows"):
        Split.from_masks(Data(x=torch.ones(9, 1), **named))
    with pytest.raises(ValueError, match="'data' must have a boolean 'train_mask'"):
        Split.from_masks(Data(**named | {"train_mask": masks[0].byte()}))
    for bad in (None, [Data(**named)], named):
        with pytest.raises(ValueError, match="'data' must be a Data with masks"):
            Split.from_masks(bad)


@pytest.mark.parametrize("bad", [None, "rows", 3, [[0]], [0.5], {0}])
def test_no_rows(bad):
    with pytest.raises(ValueError, match="'train' must be a vector of row indices or a boolean mask"):
        Split(bad, [1], [2])


@pytest.mark.parametrize("y", [None, ["a", "b"], torch.eye(4, dtype=torch.long), torch.tensor([0j, 1j])])
def test_stratified_takes_integer_labels(y):
    with pytest.raises(ValueError, match=r"'y' must be an integer tensor of shape \[n\]"):
        Split.stratified(y)


@pytest.mark.parametrize("change", [{"n": None}, {"n": 9.5}, {"train": None}, {"val": "a"}])
def test_random_takes_numbers(change):
    with pytest.raises(ValueError, match="must be"):
        Split.random(**{"n": 100} | change)
