"""The prototype loss: every view finds the original that it was made from."""

import torch
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.graph.augmentation_graph import sample_weights
from gnnclr.losses.graph_loss import GraphLoss, float_rows, normalize
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv, UniformityConv
from gnnclr.ops.check import check_matrix
from gnnclr.ops.kernels import NegativePower


class PrototypeLoss(GraphLoss):
    r"""The loss of `"Self-Supervised Prototypical Transfer Learning for Few-Shot Classification"
    <https://arxiv.org/abs/2006.11325>`_: a batch of images is a task of one-shot classification, whose classes are the
    images, whose prototypes are their originals, and whose queries are their views.

    .. math::
        \mathcal{L} = \operatorname{mean}_{i, a} -\log
        \frac{e^{-\|\bar{\mathbf{z}}_{i,a} - \mathbf{z}_i\|^2 / T}}
        {\sum_k e^{-\|\bar{\mathbf{z}}_{i,a} - \mathbf{z}_k\|^2 / T}}

    On unit rows and with one view it is :class:`~gnnclr.losses.InfoNCELoss` at temperature :math:`T / 2`.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`T > 0`; learnable if it is a
            parameter. (default: ``0.2239``)
        normalized (bool, optional): Whether rows are brought to unit length. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.KernelSoftmax`.
            (default: ``"auto"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** originals :math:`(n, d)` and one or more views of them :math:`(n, d)`; or stacked nodes and a
          :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_ia -log e^(-|v_ia - z_i|²/T) / Σ_k e^(-|v_ia - z_k|²/T)",
        kernel="e^(-d²/T)",
        link="log-sum-exp, positive inside",
        pairs="views against the originals of other samples",
        weights="one",
        paper="ProtoTransfer, https://arxiv.org/abs/2006.11325; SAMPTransfer, https://arxiv.org/abs/2210.06339",
    )

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.2239,
        normalized: bool = True,
        gather_distributed: bool = False,
        impl: str = "auto",
        reduction: str = "mean",
    ):
        kernel = NegativePower(2.0)
        parts = AlignmentConv(temperature, kernel), UniformityConv(temperature, impl, kernel)
        super().__init__(ContrastiveConv(temperature, *parts, denominator="pair"), gather_distributed, reduction)
        self.normalized = normalized

    def graph(self, original: Tensor, /, *views: Tensor, weight: Tensor | None = None) -> ContrastGraph:
        """The graph of a batch: views are anchors, each attracted by its original and repelled by all others."""
        n, d = original.shape
        for i, view in enumerate(views):
            check_matrix(f"views[{i + 1}]", view, rows=n, cols=d)
        index, kind = (torch.arange(size, device=original.device) for size in (n, len(views) + 1))
        view = kind.repeat_interleave(n)
        anchor = view > 0
        return ContrastGraph(
            x=torch.cat([original, *views]),
            edge_index=torch.stack([index.repeat(len(views)), anchor.nonzero().view(-1)]),
            sample=index.repeat(len(views) + 1),
            view=view,
            anchor=anchor,
            anchor_weight=None if weight is None else sample_weights(weight, n, view.device).repeat(len(views) + 1),
            negatives=Negatives(candidates=(0,)),
            check=False,  # right by construction
        )

    def queries(self, num_views: int, inputs: tuple[str, ...]) -> range:
        """See :meth:`GraphLoss.queries`: all views but the originals; all are told where rows may be too long, which
        all processes are to refuse."""
        return range(1, num_views if self.normalized else 1)

    def project(self, x: Tensor) -> Tensor:
        """Rows of unit length, or as they are."""
        return normalize(x) if self.normalized else float_rows(x, power=2)
