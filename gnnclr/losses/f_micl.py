"""f-MICL: f-divergences in place of the Kullback-Leibler one."""

from torch import Tensor

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.losses.batch_loss import PairLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, PotentialConv, WeightedSum
from gnnclr.ops.check import check_positive
from gnnclr.ops.kernels import DivergenceNegative, DivergencePositive


class FMICLLoss(PairLoss):
    r"""The loss of `"f-MICL: Understanding and Generalizing InfoNCE-based Contrastive Learning"
    <https://arxiv.org/abs/2402.10150>`_, a bound on an f-mutual information of views.

    .. math::
        \mathcal{L} = -\operatorname{mean}_i f'(G(\mathbf{a}_i, \mathbf{b}_i)) + \alpha
        \operatorname{mean}_{i \neq j} f^*(f'(G(\mathbf{a}_i, \mathbf{a}_j))), \qquad
        G(\mathbf{x}, \mathbf{y}) = \mu e^{-\|\mathbf{x} - \mathbf{y}\|^2 / 2 \sigma^2}

    With the Kullback-Leibler divergence this attracts quadratically, and repels by the Gaussian kernel.

    Args:
        divergence (str, optional): ``"kl"``, ``"js"``, ``"pearson"``, ``"squared_hellinger"``, ``"tsallis"`` or
            ``"vincze_le_cam"``, see :func:`gnnclr.ops.kernels.f_divergence`. (default: ``"kl"``)
        alpha (float, optional): The weight :math:`\alpha > 0` of negatives. (default: ``64.0``)
        sigma (float, optional): The width :math:`\sigma > 0`. (default: ``1.0``)
        mu (float, optional): The factor :math:`\mu > 0`. (default: ``1.0``)
        tsallis_alpha (float, optional): The order of Tsallis' divergence, above 1. (default: ``1.5``)
        both_views (bool, optional): Negatives from both views, rather than from the first only. (default: ``False``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)

    Shapes:
        - **input:** two views :math:`(n, d)` of any length, optional keyword ``labels`` :math:`(n)`; or stacked views
          :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="-mean_i f'(G(a_i, b_i)) + α mean_(i≠j) f*(f'(G(a_i, a_j))), G = μ e^(-d²/2σ²)",
        kernel="f' and f*∘f' of a Gaussian, six divergences",
        link="mean",
        pairs="same view, other samples",
        weights="one",
        paper="f-MICL, https://arxiv.org/abs/2402.10150",
    )
    rule: Negatives = Negatives(scope="same")

    row_by_row = True

    def __init__(
        self,
        divergence: str = "kl",
        alpha: float = 64.0,
        sigma: float = 1.0,
        mu: float = 1.0,
        tsallis_alpha: float = 1.5,
        both_views: bool = False,
        gather_distributed: bool = False,
        impl: str = "auto",
    ):
        options = {"sigma": sigma, "mu": mu, "tsallis_alpha": tsallis_alpha}
        positive, negative = (kind(divergence, **options) for kind in (DivergencePositive, DivergenceNegative))
        conv = WeightedSum(
            (1.0, AlignmentConv(1.0, positive)), (check_positive("alpha", alpha), PotentialConv(negative, impl))
        )
        super().__init__(conv, gather_distributed)
        self.both_views = both_views

    def graph(self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None) -> ContrastGraph:
        """The graph of a batch: views of a sample attract, and the first view repels its own kind."""
        graph = super().graph(z0, z1, *views, labels=labels)
        if not self.both_views:
            graph.anchor = graph.view == 0
        return graph
