import copy

import pytest
import siamese_workers
import torch

from gnnclr.nn.predictors import DirectCopy, DirectPred, DirectSet
from gnnclr.nn.predictors.spectral import SpectralPredictor, spectral_map


class Correlation(SpectralPredictor):
    """The correlation as it is."""

    def filter(self, correlation):
        return correlation


def rows(n=6, d=4, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double() + 0.5


def step(predictor, *views):
    for view in views:
        predictor(view)
    predictor.after_optimizer_step()


def correlation(z):
    return torch.stack([row.outer(row) for row in z]).mean(dim=0)


def test_average_of_correlations():
    predictor = Correlation(4, decay=0.3).double()
    assert torch.equal(predictor.weight, torch.eye(4).double())
    averaged = None
    for t in range(4):
        views = [rows(seed=2 * t), rows(5, seed=2 * t + 1)]
        step(predictor, *views)
        of_step = correlation(torch.cat(views))
        averaged = of_step if averaged is None else 0.3 * averaged + 0.7 * of_step
        torch.testing.assert_close(predictor.weight.detach(), averaged)


def test_centered():
    predictor, mean, second = Correlation(4, decay=0.3, centered=True).double(), None, None
    for t in range(3):
        z = rows(seed=t)
        step(predictor, z)
        mean = z.mean(dim=0) if mean is None else 0.3 * mean + 0.7 * z.mean(dim=0)
        second = correlation(z) if second is None else 0.3 * second + 0.7 * correlation(z)
        torch.testing.assert_close(predictor.weight.detach(), second - mean.outer(mean))
    single = Correlation(4, centered=True).double()
    step(single, rows())
    torch.testing.assert_close(single.weight.detach(), torch.cov(rows().t(), correction=0))


def test_predictions():
    predictor, z = Correlation(4).double(), rows().requires_grad_()
    step(predictor, rows(seed=1))
    p = predictor(z)
    torch.testing.assert_close(p, z @ predictor.weight.t())
    p.sum().backward()
    torch.testing.assert_close(z.grad, predictor.weight.sum(dim=0).expand(6, 4))
    assert predictor.weight.grad is None and not predictor.weight.requires_grad


def test_frequency():
    predictor = Correlation(4, frequency=3).double()
    optimizer = torch.optim.SGD(predictor.parameters(), 0.1)
    for t in range(7):
        predictor(rows(seed=t)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        trained = predictor.weight.detach().clone()
        predictor.after_optimizer_step()
        expected = predictor.correlation if t % 3 == 0 else trained
        assert torch.equal(predictor.weight, expected), t
        assert not torch.equal(trained, predictor.correlation)
    assert predictor.weight.requires_grad


def test_only_training_is_observed():
    predictor = Correlation(4).double()
    step(predictor, rows())
    before = copy.deepcopy(predictor.state_dict())
    step(predictor.eval(), rows(seed=1))
    step(predictor.train(), rows(0))
    before["step"] += 2
    assert all(torch.equal(value, before[key]) for key, value in predictor.state_dict().items())


def test_nothing_seen_leaves_the_identity():
    predictor = Correlation(4)
    predictor.after_optimizer_step()
    assert torch.equal(predictor.weight, torch.eye(4))


def test_steps_that_overflow_are_skipped():
    predictor = Correlation(4).double()
    step(predictor, rows())
    before = predictor.weight.detach().clone()
    step(predictor, rows(), rows() * float("inf"))
    assert torch.equal(predictor.weight, before)
    step(predictor, rows(seed=1))
    assert predictor.weight.isfinite().all() and not torch.equal(predictor.weight, before)


def test_sums_are_exact_under_autocast():
    predictor, z = Correlation(4), rows().float()
    with torch.autocast("cpu", torch.bfloat16):
        assert predictor(z).dtype == torch.bfloat16
    predictor.after_optimizer_step()
    torch.testing.assert_close(predictor.weight.detach(), correlation(z))


@pytest.mark.parametrize("kind", [DirectPred, DirectSet, DirectCopy])
@pytest.mark.parametrize("between", [False, True])
def test_resumes_bit_for_bit(kind, between):
    predictor = kind(4, frequency=2)
    for t in range(3):
        step(predictor, rows(seed=t).float())
    if between:  # a checkpoint in the middle of a step
        predictor(rows(seed=9).float())
    other = kind(4, frequency=2)
    other.load_state_dict(predictor.state_dict())
    for t in range(3, 6):
        for each in (predictor, other):
            step(each, rows(seed=t).float())
        assert torch.equal(predictor.weight, other.weight)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in predictor.state_dict().items())


@pytest.mark.parametrize("sizes", [(5, 4), (0, 9)])
@pytest.mark.parametrize("kind", [DirectPred, DirectSet, DirectCopy])
def test_two_processes_have_the_matrix_of_the_joined_batch(kind, sizes, gloo):
    steps = [[rows(size, seed=10 * t + rank) for rank, size in enumerate(sizes)] for t in range(3)]
    first, second = gloo(siamese_workers.predictor_weight, kind, 4, steps)
    assert torch.equal(first, second)
    alone = kind(4).double()
    for parts in steps:
        step(alone, torch.cat(parts))
    torch.testing.assert_close(first, alone.weight.detach())


def test_spectral_map():
    matrix = correlation(rows())
    torch.testing.assert_close(spectral_map(matrix, lambda s: s**3), matrix @ matrix @ matrix)
    low_rank = correlation(rows(2))
    assert spectral_map(low_rank, torch.sqrt).isfinite().all()


@pytest.mark.parametrize(
    "name,call",
    [
        ("channels", lambda: Correlation(0)),
        ("frequency", lambda: Correlation(4, frequency=0)),
        ("decay", lambda: Correlation(4, decay=1.0)),
        ("decay", lambda: Correlation(4, decay="slow")),
        ("z", lambda: Correlation(4)(torch.rand(2, 3))),
        ("eps", lambda: DirectPred(4, eps=-0.1)),
        ("eps", lambda: DirectSet(4, eps=float("nan"))),
        ("eps", lambda: DirectCopy(4, eps="small")),
        ("eps_form", lambda: DirectPred(4, eps_form="code")),
        ("alpha", lambda: DirectSet(4, alpha=0.0)),
        ("iterations", lambda: DirectCopy(4, iterations=0)),
    ],
)
def test_errors_name_the_argument(name, call):
    with pytest.raises(ValueError, match=f"'{name}' must"):
        call()


def test_repr():
    settings = "4, decay=0.3, frequency=1, centered=False, eps=0.01"
    assert repr(DirectPred(4)) == f"DirectPred({settings}, eps_form='outside')"
    assert repr(DirectCopy(4)) == f"DirectCopy({settings})"
    assert repr(DirectSet(4)) == "DirectSet(4, decay=0.3, frequency=1, centered=False, alpha=0.5, eps=0.01)"
