"""SigLIP: each pair of two towers is classified by itself."""

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.losses.learned_scale import LearnedScaleLoss, own_scalar
from gnnclr.losses.loss_call import called_like
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import SigmoidConv
from gnnclr.ops.check import check_number, check_positive, number_of


class SigLIPLoss(LearnedScaleLoss):
    r"""The loss of `"Sigmoid Loss for Language Image Pre-Training" <https://arxiv.org/abs/2303.15343>`_: of each pair
    of an image and a text it is asked whether they belong together, whatever the other pairs say.

    .. math::
        \mathcal{L} = -\frac{1}{n} \sum_i \sum_j \log \sigma\big(y_{ij} (\mathbf{a}_i^\top \mathbf{b}_j / \tau +
        b)\big), \qquad y_{ij} = \begin{cases} 1 & i = j \\ -1 & i \neq j \end{cases}

    The graph is bipartite: no two nodes of one tower repel. Of two views the anchors are the rows of the first, so that
    each pair counts once, as in the formula; of more views all rows are anchors. Where labels or a graph give an anchor
    several positives, each is a pair with :math:`y = 1`, and weights of a graph say how the weight of all of them is
    shared. What is learned is :math:`\log 1/\tau` and the bias :math:`b`, as in the paper, or the parameters that are
    given in their place.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`, or where it starts. A
            parameter is used itself, and not copied: its gradient is the one by :math:`\tau`. (default: ``0.1``)
        bias (float or torch.nn.Parameter, optional): The bias :math:`b`, or where it starts. (default: ``-10.0``)
        learnable (bool, optional): Whether temperature and bias are learned; where they are not, parameters are
            refused. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** two views :math:`(n, d)` of any length, optional keywords ``labels`` and ``weight`` :math:`(n)`; or
          stacked views :math:`(2n, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="-1/n Σ_i Σ_j log σ(y_ij (a_i·b_j/τ + b)), y_ii = 1, y_ij = -1",
        kernel="softplus of the dot product",
        link="sum",
        pairs="other view, other samples",
        weights="one",
        paper="SigLIP, https://arxiv.org/abs/2303.15343",
    )
    rule: Negatives = Negatives(scope="other")
    pairing: str = "classified"

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.1,
        bias: float | nn.Parameter = -10.0,
        learnable: bool = True,
        gather_distributed: bool = False,
        impl: str = "auto",
        reduction: str = "mean",
    ):
        check_positive("temperature", temperature, learnable=learnable)
        temperature, bias = (
            own_scalar(name, x, learnable) for name, x in (("temperature", temperature), ("bias", bias))
        )
        if learnable and not isinstance(bias, Tensor):
            bias = nn.Parameter(torch.tensor(float(check_number("bias", bias))))
        super().__init__(SigmoidConv(temperature, bias, impl), learnable, gather_distributed, reduction)
        self._logit_bias: float | Tensor | None = None

    def graph(
        self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None, weight: Tensor | None = None
    ) -> ContrastGraph:
        """The graph of a batch: views of a sample attract, other samples repel across views."""
        graph = super().graph(z0, z1, *views, labels=labels, weight=weight)
        if not views:
            graph.anchor = graph.view == 0  # each pair once: its other side would say the same
        return graph

    def queries(self, num_views: int, inputs: tuple[str, ...]) -> range:
        """See :meth:`GraphLoss.queries`: the first of two views, unless views of other samples attract it."""
        return range(num_views == 2 and "labels" not in inputs)

    @property
    def plain_bias(self) -> float | Tensor:
        """See :class:`GraphLoss`: the one that is learned, or that is given with this call."""
        return cast(SigmoidConv, self.conv).bias if self._logit_bias is None else self._logit_bias

    def layer(self) -> SigmoidConv:
        """The layer at the temperature and the bias that are learned, or that are given with this call."""
        layer = super().layer()
        return cast(SigmoidConv, layer if self._logit_bias is None else layer.at(bias=self._logit_bias))

    if TYPE_CHECKING:

        def __call__(
            self,
            *args: Any,
            logit_scale: float | Tensor | None = None,
            logit_bias: float | Tensor | None = None,
            **kwargs: Any,
        ) -> Tensor:
            """The loss of views, or of ``(x, graph)``."""
            ...

    @called_like(graph)
    def forward(
        self,
        *args: Any,
        logit_scale: float | Tensor | None = None,
        logit_bias: float | Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """The loss of views, or of ``(x, graph)``.

        Args:
            *args: As of :class:`~gnnclr.losses.GraphLoss`.
            logit_scale (float or Tensor, optional): The inverse temperature of this call, in place of the one of the
                loss, for models that learn it themselves; it gets a gradient. (default: ``None``)
            logit_bias (float or Tensor, optional): The same of the bias. (default: ``None``)
            **kwargs: As of :class:`~gnnclr.losses.GraphLoss`.
        """
        if logit_bias is None:
            return super().forward(*args, logit_scale=logit_scale, **kwargs)
        check_number("logit_bias", number_of(logit_bias))
        self._logit_bias = logit_bias
        try:
            return super().forward(*args, logit_scale=logit_scale, **kwargs)
        finally:
            self._logit_bias = None
