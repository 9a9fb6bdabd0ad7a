"""A mixture of two Beta distributions."""

import torch
from torch import Tensor, nn
from torch.distributions import Beta

from gnnclr.ops.check import check_count, check_number

EPS = 1e-4


class BetaMixture(nn.Module):
    r"""Two Beta distributions on :math:`(0, 1)`, fitted by expectation maximization with moments matched in each step.

    Component 0 starts low (:math:`\alpha = 1, \beta = 2`), component 1 high (:math:`\alpha = 2, \beta = 1`). Parameters
    are buffers, so that a checkpoint holds them. Written here as scikit-learn has mixtures of Gaussians only.

    Args:
        weight (float, optional): The weight of component 1 at the start. (default: ``0.05``)
        iterations (int, optional): Steps of the fit. (default: ``10``)
    """

    alpha: Tensor
    beta: Tensor
    weight: Tensor
    fitted: Tensor

    def __init__(self, weight: float = 0.05, iterations: int = 10):
        super().__init__()
        check_number("weight", weight, above=0, below=1)
        self.iterations: int = check_count("iterations", iterations)
        self.register_buffer("alpha", torch.tensor([1.0, 2.0]))
        self.register_buffer("beta", torch.tensor([2.0, 1.0]))
        self.register_buffer("weight", torch.tensor([1 - weight, weight]))
        self.register_buffer("fitted", torch.tensor(False))

    def posterior(self, x: Tensor) -> Tensor:
        """The probability of each component.

        Args:
            x (Tensor): Values in [0, 1], of any shape.

        Shapes:
            - **output:** as the input, with a last dimension of 2
        """
        x = x.clamp(EPS, 1 - EPS).unsqueeze(-1)
        return (Beta(self.alpha, self.beta).log_prob(x) + self.weight.log()).softmax(dim=-1)

    @torch.no_grad()
    def fit(self, x: Tensor) -> "BetaMixture":
        """Fits the mixture, and returns it.

        Args:
            x (Tensor): Values in [0, 1] [m].
        """
        x = x.flatten().clamp(EPS, 1 - EPS).unsqueeze(1)
        for _ in range(self.iterations):
            share = self.posterior(x.squeeze(1)).clamp(min=1e-12)
            total = share.sum(dim=0)
            mean = (share * x).sum(dim=0) / total
            variance = ((share * (x - mean).square()).sum(dim=0) / total).clamp(min=1e-8)
            concentration = (mean * (1 - mean) / variance - 1).clamp(min=1e-2)
            self.alpha.copy_(mean * concentration)
            self.beta.copy_((1 - mean) * concentration)
            self.weight.copy_(total / total.sum())
        self.fitted.fill_(True)
        return self

    def extra_repr(self) -> str:
        """The number of iterations."""
        return f"iterations={self.iterations}"
