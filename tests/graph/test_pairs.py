import torch

from gnnclr.graph.pairs import both_ways, group_pairs, is_among, same_group


def index(*pairs):
    return torch.tensor(pairs).t()


def test_pairs_of_a_group_are_those_of_a_loop():
    group = torch.randint(0, 4, (17,), generator=torch.Generator().manual_seed(0))
    pairs = [(j, i) for i in range(17) for j in range(17) if i != j and group[i] == group[j]]
    assert group_pairs(group).t().tolist() == [list(pair) for pair in pairs]
    assert group_pairs(group[:0]).shape == group_pairs(torch.arange(3)).shape == (2, 0)


def test_pairs_are_found_in_their_direction():
    known = index((0, 1), (5, 2))
    assert is_among(index((0, 1), (1, 0), (5, 2), (5, 1)), known, 4).tolist() == [True, False, True, False]
    assert not is_among(index((0, 1)), known[:, :0], 4).any()


def test_rows_of_a_bank_are_of_no_group_and_no_targets():
    pairs = index((0, 1), (2, 0), (5, 1))
    assert same_group(torch.tensor([7, 3, 7]), pairs).tolist() == [False, True, False]
    assert same_group(torch.empty(0, dtype=torch.long), pairs[:, :0]).shape == (0,)
    assert both_ways(pairs, 3).t().tolist() == [[0, 1], [2, 0], [5, 1], [1, 0], [0, 2]]
