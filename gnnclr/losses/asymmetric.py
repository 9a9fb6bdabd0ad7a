"""A-InfoNCE: adversarial views attract, and are attracted, unequally."""

from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AsymmetricConv, ContrastiveConv, HardNegativeConv
from gnnclr.ops.check import check_choice, check_count, check_number, check_positive


class AsymmetricInfoNCELoss(GraphLoss):
    r"""The loss of `"Adversarial Contrastive Learning via Asymmetric InfoNCE" <https://arxiv.org/abs/2207.08374>`_ for
    clean views and an adversarial one, which comes last.

    With :math:`\ell(a|b)` the InfoNCE of anchors in view :math:`a` against view :math:`b` held constant, :math:`V`
    views and the adversarial view :math:`*`,

    .. math::
        \mathcal{L}_{\text{IP}} = \frac{1}{V} \Big[ \sum_{a \neq b} \ell(a|b) + w \sum_a \alpha\, \ell(a|*) +
        (1 - \alpha)\, \ell(*|a) \Big]

    so adversarial views are inferior positives: clean views are drawn to them weakly. As hard negatives,
    :math:`\mathcal{L}_{\text{HN}}` is :class:`~gnnclr.losses.HardNegativeLoss` over all views; both together use its
    weights in every :math:`\ell`.

    Args:
        temperature (float, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)
        variant (str, optional): ``"ip"``, inferior positives; ``"hn"``, hard negatives; or ``"ip+hn"``.
            (default: ``"ip"``)
        alpha (float, optional): How strongly clean views are drawn to adversarial ones. (default: ``0.2``)
        adversarial_weight (float, optional): The weight :math:`w` of terms with the adversarial view.
            (default: ``1.0``)
        clean_views (int, optional): The number of clean views. (default: ``2``)
        beta (float, optional): Concentration on hard negatives. (default: ``1.0``)
        tau_plus (float, optional): The expected share of positives among the negatives. (default: ``0.1``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** clean views and the adversarial view :math:`(n, d)` of any length, optional keyword ``labels``
          :math:`(n)`; or stacked views and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="1/V [Σ_(a≠b) l(a|b) + w Σ_a (α l(a|*) + (1-α) l(*|a))], l(a|b): InfoNCE with b held constant",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="other view, other samples",
        weights="α between clean and adversarial views; hard negatives as in HCL",
        paper="A-InfoNCE, https://arxiv.org/abs/2207.08374",
    )
    mean_over_anchors = False

    row_by_row = True

    def __init__(
        self,
        temperature: float = 0.5,
        variant: str = "ip",
        alpha: float = 0.2,
        adversarial_weight: float = 1.0,
        clean_views: int = 2,
        beta: float = 1.0,
        tau_plus: float = 0.1,
        gather_distributed: bool = False,
        impl: str = "auto",
    ):
        check_choice("variant", variant, ("ip", "hn", "ip+hn"))
        check_positive("adversarial_weight", adversarial_weight)
        check_number("alpha", alpha, least=0, most=1)
        check_count("clean_views", clean_views)
        HardNegativeConv(0.5, beta, tau_plus)  # which refuses them, also where they are not used
        self.num_views: int = clean_views + 1
        self._adversarial_weight = adversarial_weight
        hard = variant != "ip"
        conv = (
            HardNegativeConv(temperature, beta, tau_plus, impl=impl)
            if hard
            else ContrastiveConv(temperature, impl=impl)
        )
        if variant != "hn":
            conv = AsymmetricConv(conv, _weights(clean_views, alpha, adversarial_weight), total=self.num_views)
        super().__init__(conv, gather_distributed)

    @property
    def alpha(self) -> float | None:
        """How strongly clean views are drawn to adversarial ones, in [0, 1]; it may be assigned. ``None`` without
        inferior positives."""
        if not isinstance(self.conv, AsymmetricConv):
            return None
        to_adversarial, _ = self.conv.weights[0, self.num_views - 1]
        return to_adversarial / self._adversarial_weight

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        check_number("alpha", alpha, least=0, most=1)
        if not isinstance(self.conv, AsymmetricConv):
            raise ValueError(f"'alpha' must not be assigned without inferior positives, variant='hn' (got {alpha})")
        self.conv.weights = _weights(self.num_views - 1, alpha, self._adversarial_weight)

    def graph(self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None) -> ContrastGraph:
        """The graph of clean views and an adversarial one: views of a sample, or of a label, attract, all others
        repel."""
        if 2 + len(views) != self.num_views:
            raise ValueError(
                f"'views' must be {self.num_views - 1} clean and one adversarial matrix [n, d] (got {2 + len(views)})"
            )
        return super().graph(z0, z1, *views, labels=labels)


def _weights(clean: int, alpha: float, adversarial: float) -> dict[tuple[int, int], tuple[float, float]]:
    """Weight of each ordered pair of views, with a gradient for the anchors only."""
    weights = {(a, b): (1.0, 1.0) for a in range(clean) for b in range(clean) if a != b}
    weights |= {(a, clean): (adversarial * alpha, 1.0) for a in range(clean)}
    return weights | {(clean, a): (adversarial * (1 - alpha), 1.0) for a in range(clean)}
