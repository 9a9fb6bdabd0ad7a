"""The spectral contrastive loss."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.losses.batch_loss import PairLoss
from gnnclr.losses.graph_loss import float_rows, normalize
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, PotentialConv, WeightedSum
from gnnclr.ops.check import check_positive
from gnnclr.ops.kernels import Square
from gnnclr.ops.unit_rows import row_lengths


class SpectralContrastiveLoss(PairLoss):
    r"""The loss of `"Provable Guarantees for Self-Supervised Deep Learning with Spectral Contrastive Loss"
    <https://arxiv.org/abs/2106.04156>`_, whose minimizers span the leading eigenvectors of the augmentation graph.

    .. math::
        \mathcal{L} = \frac{1}{\mu} \Big[ -2 \operatorname{mean}_i \mathbf{a}_i^\top \mathbf{b}_i +
        \operatorname{mean}_{i \neq j} (\mathbf{a}_i^\top \mathbf{b}_j)^2 \Big]

    Rows are not normalized, but those outside of the ball of radius :math:`\sqrt{\mu}` are brought to its surface, as
    in the authors' code.

    Args:
        mu (float, optional): The squared radius :math:`\mu > 0`. (default: ``1.0``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, optional keyword ``labels`` :math:`(n)`; or stacked
          views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="1/μ [-2 mean_i a_i·b_i + mean_(i≠j) (a_i·b_j)²]",
        kernel="dot product; its square",
        link="mean",
        pairs="other view, other samples",
        weights="one",
        paper="Spectral contrastive loss, https://arxiv.org/abs/2106.04156",
    )
    rule: Negatives = Negatives(scope="other")

    row_by_row = True

    def __init__(self, mu: float = 1.0, gather_distributed: bool = False, impl: str = "auto"):
        check_positive("mu", mu)
        conv = WeightedSum((2.0 / mu, AlignmentConv(1.0)), (1.0 / mu, PotentialConv(Square(), impl)))
        super().__init__(conv, gather_distributed)
        self.mu: float = float(mu)

    def graph(self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None) -> ContrastGraph:
        """The graph of a batch: views of a sample attract, other samples repel across views."""
        graph = super().graph(z0, z1, *views, labels=labels)
        if not views:
            graph.anchor = graph.view == 0  # each pair once: the square is symmetric
        return graph

    def project(self, x: Tensor) -> Tensor:
        r"""Rows within the ball of radius :math:`\sqrt{\mu}`."""
        x, radius = float_rows(x), self.mu**0.5
        return torch.where(row_lengths(x.detach()) > radius, radius * normalize(x), x)
