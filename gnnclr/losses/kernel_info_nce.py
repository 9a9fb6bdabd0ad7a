"""Kernel-InfoNCE: exponential and arc-cosine kernels under the logarithm."""

import torch
from torch import Tensor, nn

from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, ContrastiveConv, PairConv, UniformityConv, WeightedSum
from gnnclr.ops.check import check_choice, check_count, check_number, check_positive
from gnnclr.ops.kernels import LogArcCosine, LogConcatenation, LogSum, NegativePower, OnHalf, PairKernel


class KernelInfoNCELoss(GraphLoss):
    r"""The loss of `"Contrastive Learning Is Spectral Clustering On Similarity Graph"
    <https://arxiv.org/abs/2303.15103>`_: NT-Xent with another kernel than the Gaussian.

    .. math::
        \mathcal{L} = \operatorname{mean}_i -\log \frac{K(\mathbf{z}_i, \mathbf{z}_p)}
        {K(\mathbf{z}_i, \mathbf{z}_p) + \sum_{j \in \mathcal{N}^{-}(i)} K(\mathbf{z}_i, \mathbf{z}_j)}, \qquad
        K_\gamma(\mathbf{x}, \mathbf{y}) = e^{-\|\mathbf{x} - \mathbf{y}\|^\gamma / \tau}

    With :math:`\gamma = 2` this is NT-Xent at temperature :math:`\tau / 2`. With a ``share`` :math:`\lambda < 1` the
    kernel is mixed with the Gaussian one of temperature :math:`\tau_2`:

    ============  =================================================  ===========================================
    ..            ``split=False``, sum                               ``split=True``, concatenation
    ============  =================================================  ===========================================
    ``"loss"``    :math:`\lambda\mathcal{L}_\gamma +                 the first loss on the first half of the
                  (1 - \lambda)\mathcal{L}_2`, as in the code        features, the second on the second
    ``"kernel"``  :math:`K = \lambda K_\gamma + (1 - \lambda) K_2`,  the first kernel on the first half of the
                  as in the paper                                    features, the second on the second
    ============  =================================================  ===========================================

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter and there is no mixture. (default: ``0.1``)
        gamma (float, optional): The exponent :math:`\gamma > 0`: 2 is Gaussian, 1 Laplacian. (default: ``2.0``)
        share (float, optional): The share :math:`0 < \lambda \le 1` of that kernel. (default: ``1.0``, no mixture)
        second_temperature (float, optional): The temperature :math:`\tau_2` of the Gaussian part.
            (default: ``temperature``)
        mix (str, optional): Whether ``"loss"`` or ``"kernel"`` are mixed. (default: ``"loss"``)
        split (bool, optional): Whether each part has a half of the features to itself. (default: ``False``)
        arc_cosine (int, optional): Take the arc-cosine kernel of this order, 1, 2 or 3, in place of
            :math:`K_\gamma`; see :class:`gnnclr.ops.kernels.LogArcCosine`. (default: ``None``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.KernelSoftmax`.
            (default: ``"auto"``)
        mean (str, optional): The units of equal weight: ``"anchors"``, in the mean over anchors of the mean over each
            one's positives; or ``"pairs"``, in the mean over all positive pairs. They differ where anchors have unequal
            numbers of positives, or weights that sum to different values. (default: ``"anchors"``)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, optional keywords ``labels`` and ``weight``
          :math:`(n)`; or stacked views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i -log K(z_i, z_p) / (K(z_i, z_p) + Σ_j K(z_i, z_j)), K = e^(-d^γ/τ)",
        kernel="e^(-d^γ/τ), mixtures by sum or concatenation, arc-cosine",
        link="log-sum-exp, positive inside",
        pairs="all views of other samples",
        weights="one",
        paper="Kernel-InfoNCE, https://arxiv.org/abs/2303.15103",
    )

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.1,
        gamma: float = 2.0,
        share: float = 1.0,
        second_temperature: float | None = None,
        mix: str = "loss",
        split: bool = False,
        arc_cosine: int | None = None,
        gather_distributed: bool = False,
        impl: str = "auto",
        mean: str = "anchors",
        reduction: str = "mean",
    ):
        mixed = arc_cosine is not None or share != 1
        if mixed and isinstance(temperature, torch.Tensor):
            raise ValueError("'temperature' must be a number for mixtures and arc-cosine kernels (got a tensor)")
        check_positive("temperature", temperature, learnable=True)
        if second_temperature is not None:
            check_positive("second_temperature", second_temperature)
        check_choice("mix", mix, ("loss", "kernel"))
        check_number("share", share, most=1, above=0)
        check_count("arc_cosine", arc_cosine, most=3, optional=True)
        if share == 1 and split:
            raise ValueError("'split' needs a mixture, that is a 'share' below 1 (got 1)")
        if not mixed:
            super().__init__(_conv(NegativePower(gamma), impl, mean, temperature), gather_distributed, reduction)
            self.mean, self._of_kernels = mean, None
            return
        tau = float(temperature)
        first = NegativePower(gamma, tau) if arc_cosine is None else LogArcCosine(arc_cosine, tau)
        second = NegativePower(2.0, tau if second_temperature is None else second_temperature)
        super().__init__(_mixture(first, second, share, mix, split, impl, mean), gather_distributed, reduction)
        self.mean: str = mean
        self._of_kernels = tau

    @property
    def temperature(self) -> float | Tensor:
        """The temperature: a number, or a parameter."""
        return self.conv.temperature if self._of_kernels is None else self._of_kernels


def _conv(kernel: PairKernel, impl: str, mean: str, temperature: float | nn.Parameter = 1.0) -> ContrastiveConv:
    return ContrastiveConv(
        temperature, AlignmentConv(temperature, kernel, mean), UniformityConv(temperature, impl, kernel), "pair"
    )


def _mixture(
    first: PairKernel, second: PairKernel, share: float, mix: str, split: bool, impl: str, mean: str
) -> PairConv:
    if share == 1:
        return _conv(first, impl, mean)
    if mix == "kernel":
        return _conv((LogConcatenation if split else LogSum)(first, second, share), impl, mean)
    if split:
        first, second = OnHalf(first, 0), OnHalf(second, 1)
    return WeightedSum((share, _conv(first, impl, mean)), (1 - share, _conv(second, impl, mean)))
