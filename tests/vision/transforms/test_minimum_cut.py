import itertools

import pytest
import torch

from gnnclr.vision.transforms.minimum_cut import minimum_cut


def paths(length, width):
    for path in itertools.product(range(width), repeat=length):
        if all(abs(a - b) <= 1 for a, b in itertools.pairwise(path)):
            yield path


@pytest.mark.parametrize(("length", "width"), [(1, 1), (1, 4), (5, 1), (2, 2), (4, 3), (6, 2), (5, 4)])
def test_no_path_is_better(length, width):
    error = torch.rand(30, length, width, generator=torch.Generator().manual_seed(0)).double()
    every = list(paths(length, width))
    rows = torch.arange(length)
    for e, found in zip(error, minimum_cut(error)):
        sums = [float(e[rows, torch.tensor(path)].sum()) for path in every]
        assert tuple(found.tolist()) == every[sums.index(min(sums))]


@pytest.mark.parametrize(("length", "width"), [(4, 3), (5, 4)])
def test_of_equally_good_paths_one_is_always_taken(length, width):
    error = torch.randint(0, 3, (40, length, width), generator=torch.Generator().manual_seed(1)).double()
    rows = torch.arange(length)
    for e, found in zip(error, minimum_cut(error)):
        best = min(float(e[rows, torch.tensor(path)].sum()) for path in paths(length, width))
        ends = [path for path in paths(length, width) if float(e[rows, torch.tensor(path)].sum()) == best]
        path = tuple(found.tolist())
        assert path in ends and path[-1] == min(end[-1] for end in ends)
    assert minimum_cut(torch.zeros(1, 4, 3)).tolist() == [[0, 0, 0, 0]]
