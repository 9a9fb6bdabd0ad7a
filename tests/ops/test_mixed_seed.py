import torch

from gnnclr.ops.mixed_seed import mixed_seed


def test_every_number_counts():
    seeds = [mixed_seed(*numbers) for numbers in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (7, 3, 2))]
    assert len(set(seeds)) == len(seeds) and seeds == [seed % 2**63 for seed in seeds]
    assert mixed_seed(3, 2, 1) == mixed_seed(3, 2, 1)
    torch.manual_seed(max(seeds))
