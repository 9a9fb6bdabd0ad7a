import pytest
import torch

from gnnclr.eval import Split, clustering_scores, few_shot, knn_probe, linear_probe, similarity_search
from gnnclr.eval.unit_scale import unit_scale


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1.0, 3.0, 1e30, 3e38])
def test_exact_and_about_one(scale):
    x = torch.tensor([[0.5, -1.0], [0.25, 0.0]]) * scale
    y = unit_scale(x)
    assert y.isfinite().all() and 0.5 <= y.abs().max() <= 1
    assert (x[0, 0] / x[0, 1]).equal(y[0, 0] / y[0, 1])


def test_nothing_and_zeros():
    assert unit_scale(torch.zeros(2, 3)).equal(torch.zeros(2, 3))
    assert unit_scale(torch.empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-140, 2.0**140, 2.0**1000])
def test_float64_beyond_float32_is_measured_as_any_other(scale):
    y = torch.arange(60) % 3
    x = (torch.randn(60, 4, generator=torch.Generator().manual_seed(0)) + torch.eye(4)[y]).double()
    split = Split(torch.arange(24), torch.arange(24, 40), torch.arange(40, 60))
    for measure in (
        lambda x: linear_probe(x, y, split, C=(1.0, 10.0)).test,
        lambda x: knn_probe(x, y, split).test,
        lambda x: clustering_scores(x, y, seeds=(0,), num_init=1).nmi,
        lambda x: similarity_search(x, y),
        lambda x: few_shot(x, y, ways=2, queries=2, episodes=5).accuracy,
    ):
        assert measure(x * scale) == pytest.approx(measure(x), abs=1e-6)
