"""NT-Xent whose negatives know communities."""

from torch import Tensor, nn

from gnnclr.graph import ContrastGraph
from gnnclr.graph.communities import ExcludeCommunity, WeighCommunity
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv
from gnnclr.ops.check import check_index, check_number


class CommunityNTXentLoss(GraphLoss):
    r"""NT-Xent in which negatives of the anchor's own community weigh :math:`\rho`: samples of one community are often
    of one class, and should not repel as strangers do.

    .. math::
        \mathcal{L} = \operatorname{mean}_{i,\, p} -\log \frac{e^{\mathbf{z}_i^\top \mathbf{z}_p / \tau}}
        {e^{\mathbf{z}_i^\top \mathbf{z}_p / \tau} + \sum_j \rho^{[c_i = c_j]} e^{\mathbf{z}_i^\top \mathbf{z}_j /
        \tau}}

    This is :class:`~gnnclr.losses.NTXentLoss` on a graph rewired by
    :class:`~gnnclr.graph.communities.WeighCommunity`, or at :math:`\rho = 0` by
    :class:`~gnnclr.graph.communities.ExcludeCommunity`; any other low-rank log-weight goes into
    ``Negatives(log_weight=...)`` in the same way. Exact, in linear memory.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.5``)
        rho (float, optional): The weight :math:`\rho \ge 0` of the own community. (default: ``0.5``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        mean (str, optional): The units of equal weight: ``"anchors"``, in the mean over anchors of the mean over each
            one's positives; or ``"pairs"``, in the mean over all positive pairs. They differ where anchors have unequal
            numbers of positives, or weights that sum to different values. (default: ``"anchors"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, keyword ``community`` :math:`(n)`, optional
          keyword ``labels`` :math:`(n)`; or stacked views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i -log e^(s_ip/τ) / (e^(s_ip/τ) + Σ_j ρ^[c_i = c_j] e^(s_ij/τ))",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="all views of other samples",
        weights="ρ within a community, low rank; ρ = 0 leaves it out",
        paper="SimCLR, https://arxiv.org/abs/2002.05709; communities as in gCooL, https://arxiv.org/abs/2110.14863",
    )

    row_by_row = True

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.5,
        rho: float = 0.5,
        gather_distributed: bool = False,
        impl: str = "auto",
        mean: str = "anchors",
        reduction: str = "mean",
    ):
        check_number("rho", rho, least=0)
        alignment = AlignmentConv(temperature, mean=mean)
        super().__init__(
            ContrastiveConv(temperature, alignment, denominator="pair", impl=impl), gather_distributed, reduction
        )
        self.rho: float = float(rho)
        self.mean: str = mean

    def graph(
        self,
        z0: Tensor,
        z1: Tensor,
        /,
        *views: Tensor,
        community: Tensor | None = None,
        labels: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> ContrastGraph:
        """The graph of a batch: views of a sample, or of a label, attract, all others repel, those of its community
        less."""
        n = z0.size(0)
        if community is None:
            raise ValueError(f"'community' must be an integer tensor of shape [{n}] (got none)")
        community = check_index("community", community, n)
        graph = super().graph(z0, z1, *views, labels=labels, weight=weight)
        if n == 0:
            return graph
        rule = WeighCommunity(community, self.rho) if self.rho else ExcludeCommunity(community)
        return rule(graph)
