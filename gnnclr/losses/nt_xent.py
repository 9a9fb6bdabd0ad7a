"""NT-Xent, the loss of SimCLR."""

from torch import Tensor, nn

from gnnclr.graph import ContrastGraph
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.key_memory import KeyMemory, key_memory
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv
from gnnclr.ops.check import check_count


class NTXentLoss(GraphLoss):
    r"""The normalized temperature-scaled cross entropy of
    `"A Simple Framework for Contrastive Learning of Visual Representations"
    <https://arxiv.org/abs/2002.05709>`_: each view finds the other views of its sample among all views of the batch.

    .. math::
        \mathcal{L} = \operatorname{mean}_i \operatorname{mean}_{p \in \mathcal{P}(i)} -\log
        \frac{e^{\mathbf{z}_i^\top \mathbf{z}_p / \tau}} {e^{\mathbf{z}_i^\top \mathbf{z}_p / \tau} +
        \sum_{j \in \mathcal{N}^{-}(i)} e^{\mathbf{z}_i^\top \mathbf{z}_j / \tau}}

    The positives :math:`\mathcal{P}(i)` of view :math:`i` are the other views of its sample, and its negatives the
    views of all other samples. Where a graph weighs positives, the inner mean is weighted. With two views this is
    SimCLR's loss, and on two views of the nodes of a graph it is the objective of
    `GRACE <https://arxiv.org/abs/2006.04131>`_. Loss and gradient are exact, in memory linear in the batch.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.5``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        mean (str, optional): The units of equal weight: ``"anchors"``, in the mean over anchors of the mean over each
            one's positives; or ``"pairs"``, in the mean over all positive pairs. They differ where anchors have unequal
            numbers of positives, or weights that sum to different values. (default: ``"anchors"``)
        memory_bank_size (int or tuple, optional): The number of earlier keys that the loss remembers, or that and
            their width: after each training step it enqueues the keys, which are rows of the second view, and
            they repel in later steps, beside the negatives of the batch. They are those of all processes, are saved in
            ``state_dict``, and stay as they are in evaluation and where no gradient is recorded. (default: ``0``, none)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)
        anchor_views (int, optional): Only the first so many views are anchors, such as the global ones among global and
            local views (:class:`~gnnclr.vision.MultiCropViews`). The others are positives and negatives of these, and
            have no loss of their own. (default: :obj:`None`, all)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, optional keywords ``labels`` and ``weight``
          :math:`(n)`; or stacked views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor

    Example:
        >>> loss = NTXentLoss(temperature=0.2)
        >>> z0, z1 = torch.randn(256, 128), torch.randn(256, 128)
        >>> loss(z0, z1) == loss(torch.cat([z0, z1]), augmentation_graph([z0, z1]))
        tensor(True)
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i -log e^(s_ip/τ) / (e^(s_ip/τ) + Σ_j e^(s_ij/τ))",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="all views of other samples",
        weights="one",
        paper="SimCLR, https://arxiv.org/abs/2002.05709",
    )

    pairing: str | None = "views"

    row_by_row = True

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.5,
        gather_distributed: bool = False,
        impl: str = "auto",
        mean: str = "anchors",
        memory_bank_size: int | tuple[int, int] = 0,
        reduction: str = "mean",
        anchor_views: int | None = None,
    ):
        alignment = AlignmentConv(temperature, mean=mean)
        super().__init__(
            ContrastiveConv(temperature, alignment, denominator="pair", impl=impl), gather_distributed, reduction
        )
        self.mean: str = mean
        self.memory: KeyMemory | None = key_memory(memory_bank_size)
        self.anchor_views: int | None = check_count("anchor_views", anchor_views, optional=True)
        if anchor_views is not None:
            self.pairing = None

    def graph(
        self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None, weight: Tensor | None = None
    ) -> ContrastGraph:
        """The graph of a batch of views, of which the first :attr:`anchor_views` are anchors."""
        graph = super().graph(z0, z1, *views, labels=labels, weight=weight)
        if self.anchor_views is not None:
            if self.anchor_views > 2 + len(views):
                raise ValueError(f"'anchor_views' must be at most the {2 + len(views)} views (got {self.anchor_views})")
            graph.anchor = graph.view < self.anchor_views
        return graph
