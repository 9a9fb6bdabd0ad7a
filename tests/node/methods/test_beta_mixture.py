import pytest
import torch
from torch.distributions import Beta

from gnnclr.node import BetaMixture


def test_fit_finds_the_components():
    torch.manual_seed(0)
    low, high = Beta(3.0, 9.0).sample((4000,)), Beta(12.0, 4.0).sample((1000,))
    mixture = BetaMixture(0.1, iterations=60).fit(torch.cat([low, high]))
    mean = mixture.alpha / (mixture.alpha + mixture.beta)
    assert mean.tolist() == pytest.approx([0.25, 0.75], abs=0.04)
    assert mixture.weight.tolist() == pytest.approx([0.8, 0.2], abs=0.05)
    assert mixture.fitted
    posterior = mixture.posterior(torch.tensor([0.1, 0.5, 0.9]))
    assert posterior[0, 0] > 0.99 and posterior[2, 1] > 0.99


def test_posterior_is_bayes_rule():
    mixture = BetaMixture(0.3)
    x = torch.tensor([[0.2, 0.7]])
    density = [0.7 * Beta(1.0, 2.0).log_prob(x).exp(), 0.3 * Beta(2.0, 1.0).log_prob(x).exp()]
    assert torch.allclose(mixture.posterior(x)[..., 0], density[0] / sum(density))
    assert mixture.posterior(torch.tensor([0.0, 1.0])).isfinite().all()


def test_state_and_constant_values():
    mixture = BetaMixture(0.3).fit(torch.full((50,), 0.4))
    assert all(buffer.float().isfinite().all() for buffer in mixture.buffers())
    other = BetaMixture(0.1)
    other.load_state_dict(mixture.state_dict())
    assert other.fitted and other.alpha.equal(mixture.alpha)
    with pytest.raises(ValueError, match="'weight' must be a finite number, above 0, below 1"):
        BetaMixture(1.0)
