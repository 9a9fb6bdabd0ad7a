import math

import pytest
import torch

from gnnclr.dynamics import LinearSiamese, Modes, SiameseModes, SiameseWeights


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("beta,tau", [(None, 1.0), (0.3, 0.6)])
@pytest.mark.parametrize("sigma2,rate,eta", [(1.0, 1.0, 0.02), (0.2, 4.0, 0.0), (2.0, 0.3, 0.01)])
def test_matrices_with_one_eigenspace_move_as_scalars(sigma2, rate, eta, beta, tau):
    p, s = vector(0.9, 0.4, 0.2, 0.05), vector(0.1, 1.5, 0.3, 0.02)
    basis = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    rows = torch.linalg.qr(torch.randn(7, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0].t()
    w = basis @ torch.diag(s.sqrt()) @ rows
    start = SiameseWeights(w, basis @ torch.diag(p) @ basis.t(), tau * w)
    model = LinearSiamese.isotropic(7, sigma2, predictor_rate=rate, weight_decay=eta, target_rate=beta)
    run = model.simulate(start, time=20.0, record_every=100)
    modes = SiameseModes(sigma2, rate, eta, beta).simulate(
        Modes(p, s, torch.full_like(p, tau)), time=20.0, record_every=100
    )
    torch.testing.assert_close(modes.time, run.time)
    seen = basis.t() @ run.weights.predictor @ basis
    torch.testing.assert_close(seen.diagonal(dim1=1, dim2=2), modes.modes.predictor, rtol=1e-7, atol=1e-9)
    found = basis.t() @ (run.weights.encoder @ run.weights.encoder.mT) @ basis
    torch.testing.assert_close(found.diagonal(dim1=1, dim2=2), modes.modes.correlation, rtol=1e-7, atol=1e-9)
    cross = basis.t() @ (run.weights.target @ run.weights.encoder.mT) @ basis
    expected = modes.modes.target * modes.modes.correlation
    torch.testing.assert_close(cross.diagonal(dim1=1, dim2=2), expected, rtol=1e-6, atol=1e-8)


def test_equals_small_literal_steps():
    p, s, tau, sigma2, rate, eta, beta, step = 0.3, 0.4, 0.5, 1.0, 2.0, 0.01, 0.1, 2e-4
    run = SiameseModes(sigma2, rate, eta, beta).simulate(Modes(*(vector(x) for x in (p, s, tau))), time=3.0)
    for _ in range(15_000):
        dp = rate * s * (tau - (1 + sigma2) * p) - eta * p
        ds = 2 * p * s * (tau - (1 + sigma2) * p) - 2 * eta * s
        dtau = beta * (1 - tau) - tau * ds / (2 * s)
        p, s, tau = p + step * dp, s + step * ds, tau + step * dtau
    assert [float(x[-1]) for x in run.modes] == pytest.approx([p, s, tau], abs=2e-4)


def test_parabola_is_invariant():
    rate, eta = 3.0, 0.04
    p, s = torch.rand(2, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    time, (p, s, _) = SiameseModes(0.5, rate, eta).simulate(Modes(p, s, torch.ones_like(p)), time=10.0)
    apart = s - p.square() / rate
    torch.testing.assert_close(apart, apart[0] * torch.exp(-2 * eta * time).unsqueeze(1), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("eta", [0.0, 0.01, 0.1, 0.1249])
def test_fixed_points_rest_and_border_the_collapse(eta):
    model = SiameseModes(1.0, 2.0, eta)
    low, high = model.fixed_points()
    for p in (low, high):
        rest = model.velocity(Modes(vector(p), vector(p**2 / 2), vector(1.0)))
        assert max(float(x.abs()) for x in rest) < 1e-12
    if 0 < eta <= 0.1:
        p = vector(low - 0.02, low + 0.02)
        end = model.simulate(Modes(p, p**2 / 2, torch.ones(2)), time=600.0, step=0.5).modes.predictor[-1]
        assert float(end[0]) < 1e-3 and float(end[1]) == pytest.approx(high, abs=1e-3)


def test_strong_decay_leaves_no_fixed_point():
    assert SiameseModes(1.0).critical_decay() == 0.125 and SiameseModes(0.0).critical_decay(0.5) == 0.0625
    assert SiameseModes(weight_decay=0.126).fixed_points() is None
    assert math.isclose(*SiameseModes(weight_decay=0.125).fixed_points())


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'noise' must be a finite number, at least 0"):
        SiameseModes(-1)
    with pytest.raises(ValueError, match="'start' must hold tensors of one shape"):
        SiameseModes().simulate(Modes(vector(1.0), vector(1.0, 2.0), vector(1.0)))
    with pytest.raises(ValueError, match="of correlations not below 0"):
        SiameseModes().simulate(Modes(vector(1.0), vector(-1.0), vector(1.0)))
    with pytest.raises(ValueError, match="'record_every' must be a positive integer"):
        SiameseModes().simulate(Modes(vector(1.0), vector(1.0), vector(1.0)), record_every=0)
