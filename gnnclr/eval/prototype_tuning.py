"""Training of the prototypes of episodes on their labeled rows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_positive


@dataclass(frozen=True)
class PrototypeTuning:
    r"""The second stage of OpT-Tune of `"Self-Attention Message Passing for Contrastive Few-Shot Learning"
    <https://arxiv.org/abs/2210.06339>`_: prototypes begin as the linear classifier
    :math:`\mathbf{q}^\top 2 \mathbf{p}_c - \|\mathbf{p}_c\|^2`, which chooses the nearest one, and follow the
    cross-entropy of the support, in random batches of a row for each class, by Adam. The authors' encoder may move as
    well; here features are what they are.

    Args:
        epochs (int, optional): Epochs of the training. (default: ``15``, the authors')
        lr (float, optional): The learning rate. (default: ``1e-3``)
    """

    epochs: int = 15
    lr: float = 1e-3

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs)
        check_positive("lr", self.lr)

    def scores(self, support: Tensor, query: Tensor, generator: torch.Generator) -> Tensor:
        """Scores of queries by linear classifiers, one for each episode, that are trained on its support.

        Args:
            support (Tensor): The support :math:`(B, \\text{ways}, \\text{shots}, d)`.
            query (Tensor): The queries :math:`(B, m, d)`.
            generator (torch.Generator): Draws the batches.

        Returns:
            Tensor: The scores :math:`(B, m, \\text{ways})`.
        """
        b, ways, shots, _ = support.shape
        prototype = support.mean(dim=2)
        weight, bias = 2 * prototype, -prototype.square().sum(dim=-1)
        optimizer = torch.optim.Adam([weight, bias], lr=self.lr)
        rows = support.flatten(1, 2)
        label = torch.arange(ways, device=rows.device).repeat_interleave(shots)
        for _ in range(self.epochs):
            order = torch.rand(b, ways * shots, generator=generator).argsort(dim=1).to(rows.device)
            for index in order.split(ways, dim=1):
                x = rows.gather(1, index.unsqueeze(-1).expand(-1, -1, rows.size(-1)))
                error = (x @ weight.mT + bias.unsqueeze(1)).softmax(dim=-1)
                error -= torch.nn.functional.one_hot(label[index], ways)
                error /= index.size(1)  # the gradient of the mean cross-entropy by the scores
                weight.grad, bias.grad = error.mT @ x, error.sum(dim=1)
                optimizer.step()
        return query @ weight.mT + bias.unsqueeze(1)
