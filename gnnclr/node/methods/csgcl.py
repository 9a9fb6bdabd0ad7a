"""CSGCL: GRACE with views and negatives by the strength of communities."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.graph import ContrastGraph
from gnnclr.graph.communities import leiden
from gnnclr.graph.weighted_edges import Edges, edges_of
from gnnclr.losses import NTXentLoss
from gnnclr.node.methods.grace import GRACE
from gnnclr.node.methods.step_counter import StepCounter
from gnnclr.node.methods.two_view import View
from gnnclr.node.transforms.community_views import Detector, community_strength, csgcl_view
from gnnclr.ops.check import check_count, check_positive
from gnnclr.ops.memo import TensorMemo


class CSGCL(StepCounter, GRACE):
    r"""The method of `"CSGCL: Community-Strength-Enhanced Graph Contrastive Learning"
    <https://arxiv.org/abs/2305.04658>`_: :class:`~gnnclr.node.GRACE` with :func:`~gnnclr.node.csgcl_view`, whose
    similarities gain :math:`\gamma(t) (S_i + S_j)` by the :func:`~gnnclr.node.community_strength` of both nodes (the
    "Team-up" objective).

    .. math:: \gamma(t) = \min\big(\max(0, (t - t_0) / 100),\, \gamma_{\max}\big)

    Relative to a positive, :math:`S_i` cancels, and a negative of anchor :math:`i` weighs
    :math:`e^{\gamma (S_j - S_i) / \tau}`: a log-weight of rank two, at no extra memory. :meth:`after_optimizer_step`
    counts the steps :math:`t`.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        views (sequence, optional): Two transforms. (default: :func:`~gnnclr.node.csgcl_view`, edges and features
            dropped with mean probabilities .2/.1 and .7/.2, as the authors do on WikiCS)
        temperature (float, optional): The temperature :math:`\tau`. (default: ``0.6``)
        gamma (float, optional): :math:`\gamma_{\max}`. (default: ``10.0``)
        start (int, optional): The step :math:`t_0`. (default: ``1000``)
        detector (callable, optional): Finds communities of ``(edge_index, num_nodes)``.
            (default: :func:`~gnnclr.graph.communities.leiden`)
        batch_size (int or callable, optional): Nodes that are contrasted in a step, drawn anew, or what draws them, as
            for :class:`~gnnclr.node.TwoView`; the encoder sees the whole graph. (default: ``None``, all nodes)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    #: Communities of a subgraph would be others in every batch.
    of_whole_graph: ClassVar[bool] = True

    step: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module | None = None,
        views: tuple[View, View] | None = None,
        temperature: float = 0.6,
        gamma: float = 10.0,
        start: int = 1000,
        detector: Detector = leiden,
        batch_size: int | Callable[..., Any] | None = None,
    ):
        if views is None:
            views = (csgcl_view(0.2, 0.1, detector), csgcl_view(0.7, 0.2, detector))
        super().__init__(encoder, projector, views, NTXentLoss(temperature), self._weigh, batch_size)
        self.temperature: float = temperature
        self.gamma_max: float = check_positive("gamma", gamma)
        self.start: int = check_count("start", start, least=0)
        self.detector: Detector = detector
        self._strength = TensorMemo(self._compute)
        self._current: Tensor | None = None

    def gamma(self) -> float:
        r"""The factor :math:`\gamma(t)` of the current step."""
        return min(max(0.0, (int(self.step) - self.start) / 100), self.gamma_max)

    def draw(self, data: Data) -> Tensor | None:
        """The nodes of a step [b], or ``None`` for all. Their strengths weigh it."""
        nodes = super().draw(data)
        self._current = self._strength(edges_of(data), data.x.size(0)) if self.gamma() else None
        if nodes is not None and self._current is not None:
            self._current = self._current[nodes]
        return nodes

    def _compute(self, edges: Edges, num_nodes: int) -> Tensor:
        return community_strength(edges, self.detector(edges, num_nodes))

    def _weigh(self, graph: ContrastGraph) -> ContrastGraph:
        if self._current is None:
            return graph
        log = self._current[graph.sample] * (self.gamma() / self.temperature)
        one = torch.ones_like(log)
        weight = (torch.stack([-log, one], dim=1), torch.stack([one, log], dim=1))
        graph.negatives = replace(graph.negatives, log_weight=weight)
        return graph
