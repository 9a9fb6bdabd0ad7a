import math

import pytest
import torch

from gnnclr.dynamics import LinearSiamese, SiameseWeights


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def views(n=5, v=3, d=4, seed=0):
    x = draw(n, 1, d, seed=seed) + 0.7 * draw(n, v, d, seed=seed + 1)
    return x - x.mean(dim=(0, 1))


def literal_loss(views, w, p, a):
    """The mean over samples and pairs of views, drawn independently."""
    n, v, _ = views.shape
    total = 0.0
    for sample in range(n):
        for i in range(v):
            for j in range(v):
                target = (a @ views[sample, j]).detach()
                total = total + (p @ (w @ views[sample, i]) - target).square().sum() / 2
    return total / (n * v * v)


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize("beta", [None, 0.3])
def test_velocity_is_the_gradient_of_the_literal_loss(k, beta):
    data = views()
    model = LinearSiamese.of_views(data, predictor_rate=2.5, weight_decay=0.07, target_rate=beta)
    w, p, a = (draw(*shape, seed=seed) for seed, shape in enumerate([(k, 4), (k, k), (k, 4)]))
    a = w.clone() if beta is None else a
    w, p = w.requires_grad_(), p.requires_grad_()
    loss = literal_loss(data, w, p, a)
    of_w, of_p = torch.autograd.grad(loss, (w, p))
    torch.testing.assert_close(model.loss(SiameseWeights(w, p, a)), loss.detach())
    found = model.velocity(SiameseWeights(w.detach(), p.detach(), a))
    torch.testing.assert_close(found.encoder, -of_w - 0.07 * w.detach())
    torch.testing.assert_close(found.predictor, -2.5 * of_p - 0.07 * p.detach())
    expected = found.encoder if beta is None else beta * (w.detach() - a)
    torch.testing.assert_close(found.target, expected)


def test_small_steps_of_descent_follow_the_flow():
    model = LinearSiamese.of_views(views(), predictor_rate=0.5, weight_decay=0.02, target_rate=0.5)
    state = start = model.start(3, seed=1)
    step = 2e-3
    for _ in range(1000):
        w, p, a = (x.clone().requires_grad_() for x in state)
        of_w, of_p = torch.autograd.grad(literal_loss_of_moments(model, w, p, a), (w, p))
        w, p, a = (x.detach() for x in (w, p, a))
        momentum = 1 - 0.5 * step
        moved = w - step * (of_w + 0.02 * w)
        state = SiameseWeights(moved, p - step * (0.5 * of_p + 0.02 * p), momentum * a + (1 - momentum) * w)
    run = model.simulate(start, time=2.0, step=0.02, record_every=1000)
    for name in ("encoder", "predictor", "target"):
        torch.testing.assert_close(getattr(run.weights, name)[-1], getattr(state, name), rtol=0, atol=4e-3)


def literal_loss_of_moments(model, w, p, a):
    out, a = p @ w, a.detach()
    return (out @ (model.moment + model.spread) @ out.t()).trace() / 2 - (a @ model.moment @ out.t()).trace()


def test_weights_balance_for_any_data():
    """Theorem 2: the difference of the layers' squares decays with the weights."""
    model = LinearSiamese.of_views(views(seed=3), predictor_rate=3.0, weight_decay=0.1, target_rate=0.2)
    run = model.simulate(model.start(4, seed=2), time=4.0, step=0.01, record_every=100)
    w, p, _ = run.weights
    apart = w @ w.mT - p.mT @ p / 3.0
    decay = torch.exp(-2 * 0.1 * run.time)[:, None, None]
    torch.testing.assert_close(apart, apart[0] * decay, rtol=1e-6, atol=1e-9)


def test_the_commutator_decays_as_theorem_three_says():
    sigma2, rate, eta = 0.5, 2.0, 0.03
    model = LinearSiamese.isotropic(5, sigma2, predictor_rate=rate, weight_decay=eta, symmetric=True)
    run = model.simulate(model.start(4, seed=0), time=1.0, step=1e-3, record_every=1)
    w, p, _ = run.weights
    f = w @ w.mT
    apart = f @ p - p @ f
    eye = torch.eye(4, dtype=torch.float64)
    k = (1 + sigma2) * (rate / 2 * f + p @ p - p / (1 + sigma2)) + 1.5 * eta * eye
    slope = (apart[2:] - apart[:-2]) / 2e-3
    torch.testing.assert_close(slope, -(apart @ k + k @ apart)[1:-1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(p, p.mT)


@pytest.mark.parametrize("beta", [None, 0.5])
def test_eigenspaces_align_and_modes_rest_where_they_should(beta):
    model = LinearSiamese.isotropic(24, 1.0, weight_decay=0.02, target_rate=beta)
    run = model.simulate(model.start(6, seed=0), time=200.0, step=0.2)
    high = (1 + math.sqrt(1 - 8 * 0.02)) / 4
    alive = run.correlation[-1] > 0.5 * high**2
    assert 0 < int(alive.sum()) <= 6
    torch.testing.assert_close(
        run.predictor[-1][alive], torch.full_like(run.predictor[-1][alive], high), rtol=1e-3, atol=0
    )
    torch.testing.assert_close(run.correlation[-1][alive], run.predictor[-1][alive] ** 2, rtol=5e-3, atol=0)
    assert run.alignment[0].abs().mean() < 0.7 and run.alignment[-1][alive].min() > 0.999
    assert run.commutator[0] > 0.1 and run.commutator[-1] < 1e-2 and run.asymmetry[-1] < 1e-2
    torch.testing.assert_close(run.target[-1], torch.ones((), dtype=torch.float64), rtol=0, atol=1e-3)


def test_without_a_predictor_that_learns_or_with_strong_decay_all_collapses():
    model = LinearSiamese.isotropic(12, 1.0, weight_decay=0.13)  # the border is 1/8
    run = model.simulate(model.start(5), time=300.0, step=0.2)
    assert float(run.correlation[-1].max()) < 1e-6 and float(run.alive()[-1]) == 0


def test_copies_are_those_that_are_simulated_alone():
    model = LinearSiamese.of_views(views(), target_rate=0.2)
    start = model.start(3, copies=2)
    both = model.simulate(start, time=3.0)
    alone = model.simulate(SiameseWeights(*(x[1] for x in start)), time=3.0)
    for name in ("correlation", "predictor", "alignment", "commutator", "target", "asymmetry"):
        torch.testing.assert_close(getattr(both, name)[:, 1], getattr(alone, name))
    assert (
        both.alive().shape == (len(both), 2) and str(alone) == "SiameseTrajectory(encoder 3×4, 4 records up to time 3)"
    )


def test_wrong_arguments():
    eye = torch.eye(3)
    with pytest.raises(ValueError, match=r"'spread' must have shape \[3, 3\]"):
        LinearSiamese(eye, torch.eye(4))
    with pytest.raises(ValueError, match="'moment' must be symmetric"):
        LinearSiamese(torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.eye(2))
    with pytest.raises(ValueError, match="'spread' must have no negative eigenvalues"):
        LinearSiamese(eye, -eye)
    with pytest.raises(ValueError, match="'predictor_rate' must be a positive number"):
        LinearSiamese(eye, eye, predictor_rate=0)
    with pytest.raises(ValueError, match="'weight_decay' must be a finite number, at least 0"):
        LinearSiamese(eye, eye, weight_decay=-1)
    with pytest.raises(ValueError, match="'target_rate' must be a finite number, above 0 or None"):
        LinearSiamese(eye, eye, target_rate=0)
    with pytest.raises(ValueError, match=r"'views' must be a floating point tensor of shape \[n, v, d\]"):
        LinearSiamese.of_views(eye)
    model = LinearSiamese(eye, eye)
    w, p, a = model.start(2)
    with pytest.raises(ValueError, match=r"'start' must hold weights of shapes \[\*, k, 3\].*got \[\(2, 3\), \(3, 3\)"):
        model.simulate(SiameseWeights(w, eye, a))
    with pytest.raises(ValueError, match="'step' must keep the state finite"):
        model.simulate(SiameseWeights(w * 100, p, a), step=1.0)
    with pytest.raises(ValueError, match="'time' must be a positive number"):
        model.simulate(SiameseWeights(w, p, a), time=0)
