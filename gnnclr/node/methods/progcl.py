"""ProGCL: negatives weighted by how likely they are true."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.eval.geometry import view_measures
from gnnclr.losses import NTXentLoss
from gnnclr.node.methods.beta_mixture import BetaMixture
from gnnclr.node.methods.step_counter import StepCounter
from gnnclr.node.methods.two_view import TwoView, View
from gnnclr.node.transforms.adaptive import gca_view
from gnnclr.ops.check import check_count, check_positive
from gnnclr.ops.unit_rows import unit_rows


class ProGCL(StepCounter, TwoView):
    r"""The method of `"ProGCL: Rethinking Hard Negative Mining in Graph Contrastive Learning"
    <https://arxiv.org/abs/2110.02027>`_: GRACE whose negatives are weighted by their similarity times the probability
    that they are true negatives.

    .. math::
        \ell_i = -\log \frac{e^{s_{ii}}}{e^{s_{ii}} + (n - 1) \operatorname{mean}_j \bar{w}_{ij} \big(e^{s_{ij}}
        + e^{s'_{ij}}\big)}, \qquad w_{ij} = p(\text{true} \mid \tilde{s}_{ij})\, \tilde{s}_{ij}, \quad
        \bar{w}_{ij} = \frac{w_{ij}}{\operatorname{mean}_j w_{ij}}

    :math:`\tilde{s}` are cosines scaled to :math:`[0, 1]` between the views, and the probability is that of the lower
    component of a :class:`~gnnclr.node.BetaMixture` of them, which is fitted once at step ``start``; before it the loss
    is NT-Xent. The sums run over nodes :math:`j` drawn anew each step, in :math:`O(n m)`; the authors take all of
    them, and weights of the step of the fit. :meth:`after_optimizer_step` counts the steps.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        views (sequence, optional): Two transforms. (default: :func:`~gnnclr.node.gca_view` by eigenvector centrality,
            edges and features dropped with mean probabilities .6/.2 and .3/.3, as the authors do on Photo)
        temperature (float, optional): The temperature. (default: ``0.2``)
        start (int, optional): The step of the fit. (default: ``400``)
        weight (float, optional): The weight of false negatives in the mixture before it is fitted. (default: ``0.15``)
        num_negatives (int, optional): The number :math:`m` of sampled nodes. (default: ``512``)
        batch_size (int or callable, optional): Nodes that are contrasted in a step, drawn anew, or what draws them, as
            for :class:`~gnnclr.node.TwoView`; the encoder sees the whole graph. (default: ``None``, all nodes)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    step: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module | None = None,
        views: tuple[View, View] | None = None,
        temperature: float = 0.2,
        start: int = 400,
        weight: float = 0.15,
        num_negatives: int = 512,
        batch_size: int | Callable[..., Any] | None = None,
    ):
        if views is None:
            views = (gca_view(0.6, 0.2, "eigenvector"), gca_view(0.3, 0.3, "eigenvector"))
        loss = NTXentLoss(check_positive("temperature", temperature))
        super().__init__(encoder, loss, projector, views, batch_size)
        self.temperature: float = temperature
        self.start: int = check_count("start", start, least=0)
        self.num_negatives: int = check_count("num_negatives", num_negatives, least=2)
        self.mixture: BetaMixture = BetaMixture(weight)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two fresh views of the graph, and ``alignment`` and ``uniformity`` of the projections."""
        z0, z1 = self.project(data, self.draw(data))
        if int(self.step) < self.start:
            return self.loss(z0, z1), view_measures(z0, z1)
        u, v = unit_rows(z0), unit_rows(z1)
        sample = torch.randperm(u.size(0), device=u.device)[: self.num_negatives]
        if not bool(self.mixture.fitted):
            self.mixture.fit(0.5 + 0.5 * u.detach() @ v.detach()[sample[:100]].t())
        return 0.5 * (self._one_way(u, v, sample) + self._one_way(v, u, sample)), view_measures(u, v)

    def _one_way(self, u: Tensor, v: Tensor, sample: Tensor) -> Tensor:
        n = u.size(0)
        own = torch.arange(n, device=u.device).unsqueeze(1) == sample
        between, within = u @ v[sample].t(), u @ u[sample].t()
        scaled = (0.5 + 0.5 * between.detach()).clamp(0, 1)
        weight = (self.mixture.posterior(scaled)[..., 0] * scaled).masked_fill(own, 0)
        # A node may stand among the sampled ones: its own column does not count.
        log = (weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-12)).log() + math.log(max(n - 1, 1))
        # A node without negatives, as where all others are its opposite, has no loss; infinities have no gradient.
        alone = (weight == 0).all(dim=1)
        log = log.masked_fill(alone.unsqueeze(1), 0)
        negative = torch.cat([between / self.temperature + log, within / self.temperature + log], dim=1)
        positive = (u * v).sum(dim=1) / self.temperature
        loss = F.softplus(negative.logsumexp(dim=1) - positive)
        return loss.masked_fill(alone, 0).mean()
