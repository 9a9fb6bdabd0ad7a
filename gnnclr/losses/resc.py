"""ReSC: nodes against the centroids of communities."""

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph import Bank, ContrastGraph, Negatives, augmentation_graph
from gnnclr.graph.communities.centroids import distance_columns
from gnnclr.losses.graph_loss import GraphLoss, float_rows, normalize
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv, UniformityConv
from gnnclr.ops.check import check_choice, check_index, check_number, check_positive
from gnnclr.ops.kernels import NegativePower


class ReSCLoss(GraphLoss):
    r"""The reweighted self-supervised cross-contrastive loss of `"Graph Communal Contrastive Learning"
    <https://arxiv.org/abs/2110.14863>`_ (gCooL), its term over communities: each view finds the centroid of its
    sample's community in the other view.

    .. math::
        \mathcal{L} = \operatorname{mean}_{i} -\log \frac{\delta(\mathbf{z}_i, \mathbf{c}_{k})}
        {\delta(\mathbf{z}_i, \mathbf{c}_{k}) + \sum_{l \neq k} w_{kl}\, \delta(\mathbf{z}_i, \mathbf{c}_l)}, \qquad
        w_{kl} = e^{-\gamma \|\mathbf{c}_k - \mathbf{c}_l\|^2}

    where :math:`k` is the community of the sample in the other view and :math:`\mathbf{c}` are the means of that view's
    communities, held constant; :math:`\delta(\mathbf{z}, \mathbf{c})` is :math:`e^{\mathbf{z}^\top \mathbf{c} / \tau}`
    or :math:`e^{-\|\mathbf{z} - \mathbf{c}\|^2 / \tau^2}`. Centroids are the bank of the graph, and weights its
    low-rank log-weights. Rows of a bank are not normalized: means of unit vectors are shorter.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; with ``"cosine"``
            learnable if it is a parameter. (default: ``0.4``)
        similarity (str, optional): ``"cosine"`` or ``"rbf"``. (default: ``"cosine"``)
        gamma (float, optional): How fast weights fall with the distance of centroids, :math:`\gamma \ge 0`; the
            authors' code uses :math:`8 \cdot 10^{-5}` with ``"rbf"``. (default: ``0.0``, equal weights)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** two views :math:`(n, d)` of any length, keyword ``community`` :math:`(n)`, and
          ``other_community`` :math:`(n)` where the second view has communities of its own; or stacked views
          :math:`(2n, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i -log δ(z_i, c_k) / (δ(z_i, c_k) + Σ_(l≠k) w_kl δ(z_i, c_l))",
        kernel="dot product or squared distance, to centroids",
        link="log-sum-exp, positive inside",
        pairs="centroids of the other view",
        weights="w_kl = e^(-γ|c_k - c_l|²), low rank",
        paper="gCooL, https://arxiv.org/abs/2110.14863",
    )

    max_views: int = 2

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.4,
        similarity: str = "cosine",
        gamma: float = 0.0,
        gather_distributed: bool = False,
        impl: str = "auto",
        reduction: str = "mean",
    ):
        check_positive("temperature", temperature, learnable=similarity == "cosine")
        check_choice("similarity", similarity, ("cosine", "rbf"))
        check_number("gamma", gamma, least=0)
        if similarity == "cosine":
            conv = ContrastiveConv(temperature, impl=impl)
        else:
            kernel = NegativePower(2.0, temperature**2)
            conv = ContrastiveConv(1.0, AlignmentConv(1.0, kernel), UniformityConv(1.0, impl, kernel))
        super().__init__(conv, gather_distributed, reduction)
        self.gamma: float = float(gamma)

    def graph(
        self,
        z0: Tensor,
        z1: Tensor,
        /,
        *,
        community: Tensor | None = None,
        other_community: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> ContrastGraph:
        """The graph of a batch: views, and the centroids of both views as its bank."""
        n, views = z0.size(0), (z0, z1)
        if community is None:
            raise ValueError(f"'community' must be an integer tensor of shape [{n}] (got none)")
        communities = [community, community if other_community is None else other_community]
        communities = [check_index(*each, n) for each in zip(("community", "other_community"), communities)]
        graph = augmentation_graph(views, weight=weight, edges=False)
        if n == 0:
            return graph
        with torch.no_grad():
            labels = [torch.unique(c, return_inverse=True)[1] for c in communities]
            centroids = [scatter(normalize(v), c, reduce="mean") for v, c in zip(views, labels)]
        # Rows of the bank: centroids of the first view, then of the second.
        first = centroids[0].size(0)
        row = torch.cat([labels[1] + first, labels[0]])  # the one that each node is drawn to
        size = torch.tensor([c.size(0) for c in centroids], device=row.device)
        graph.bank = Bank(torch.cat(centroids), view=torch.arange(2, device=row.device).repeat_interleave(size))
        graph.edge_index = torch.stack([2 * n + row, torch.arange(2 * n, device=row.device)])
        graph.negatives = Negatives("other", candidates=(), log_weight=self._log_weight(graph.bank.rows, row))
        return graph

    def _log_weight(self, bank: Tensor, row: Tensor) -> tuple[Tensor, Tensor] | None:
        """Columns of the log-weights: those of a node are of the centroid it is drawn to."""
        if self.gamma == 0:
            return None
        a, b = distance_columns(bank, self.gamma)
        return a[row], torch.cat([b.new_zeros(row.numel(), b.size(1)), b])

    def project_bank(self, bank: Tensor) -> Tensor:
        """Centroids as they are: means of unit vectors are no unit vectors."""
        return float_rows(bank)
