"""SupCon: samples of one class attract each other."""

from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv


class SupConLoss(GraphLoss):
    r"""The supervised contrastive loss of `"Supervised Contrastive Learning" <https://arxiv.org/abs/2004.11362>`_ (the
    form with the sum over positives outside the logarithm).

    .. math::
        \mathcal{L} = \operatorname{mean}_{i} \frac{-1}{|\mathcal{P}(i)|} \sum_{p \in \mathcal{P}(i)} \log
        \frac{e^{\mathbf{z}_i^\top \mathbf{z}_p / \tau}}
        {\sum_{j \neq i} e^{\mathbf{z}_i^\top \mathbf{z}_j / \tau}}

    Positives :math:`\mathcal{P}(i)` are all views of samples with the label of :math:`i`; without labels, the other
    views of its own sample. The mean runs over views that have positives. Labels stay implicit (``graph.group``), so
    memory is linear in the batch even for two classes. Neither form subtracts positives from a log-sum-exp: loss and
    gradient keep their digits in tight classes at low temperatures.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.1``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        mean (str, optional): The units of equal weight: ``"anchors"``, in the mean over anchors of the mean over each
            one's positives; or ``"pairs"``, in the mean over all positive pairs. They differ where anchors have unequal
            numbers of positives, or weights that sum to different values. (default: ``"anchors"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** one or more views :math:`(n, d)` of any length, keyword ``labels`` :math:`(n)`; or stacked views
          :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i mean_p -log e^(s_ip/τ) / Σ_(j≠i) e^(s_ij/τ)",
        kernel="dot product",
        link="log-sum-exp, all positives inside",
        pairs="all views of other classes",
        weights="one",
        paper="SupCon, https://arxiv.org/abs/2004.11362",
    )
    min_views = 1

    row_by_row = True

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.1,
        gather_distributed: bool = False,
        impl: str = "auto",
        mean: str = "anchors",
        reduction: str = "mean",
    ):
        alignment = AlignmentConv(temperature, mean=mean)
        super().__init__(
            ContrastiveConv(temperature, alignment, denominator="all", impl=impl), gather_distributed, reduction
        )
        self.mean = mean

    def graph(
        self, z0: Tensor, /, *views: Tensor, labels: Tensor | None = None, weight: Tensor | None = None
    ) -> ContrastGraph:
        """The graph of a batch: views of a class, or of a sample, attract each other, all others repel."""
        if labels is None and not views:
            raise ValueError("'labels' must be given for a single view (got none)")
        return augmentation_graph((z0, *views), labels, weight=weight, negatives=self.rule, edges=labels is None)
