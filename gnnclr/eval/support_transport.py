"""Optimal transport of the labeled rows of an episode to where its queries are."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_positive, describe


@dataclass(frozen=True)
class SupportTransport:
    r"""The first stage of OpT-Tune of `"Self-Attention Message Passing for Contrastive Few-Shot Learning"
    <https://arxiv.org/abs/2210.06339>`_: the support of an episode is carried to where the queries are,

    .. math:: \mathbf{s}_i \leftarrow \sum_j \Pi_{ij} \mathbf{q}_j / \sum_j \Pi_{ij}

    with the entropic :func:`~gnnclr.eval.support_transport.transport_plan` :math:`\Pi` of squared distances. It assumes
    that classes are equally frequent among the queries, as they are in the episodes of :func:`few_shot`.

    Args:
        reg (float, optional): The regularization :math:`\varepsilon`, in units of a problem's largest cost.
            (default: ``0.05``)
        tol (float, optional): The iteration ends when row sums are off by less than that. (default: ``1e-4``)
        max_iter (int, optional): Most iterations. (default: ``1000``)

    Shapes:
        - **input:** support :math:`(B, n, d)` and queries :math:`(B, m, d)`
        - **output:** support :math:`(B, n, d)`
    """

    reg: float = 0.05
    tol: float = 1e-4
    max_iter: int = 1000

    def __post_init__(self) -> None:
        check_positive("reg", self.reg)
        check_positive("tol", self.tol)
        check_count("max_iter", self.max_iter)

    def __call__(self, support: Tensor, query: Tensor) -> Tensor:
        """The support, moved."""
        plan = transport_plan(torch.cdist(support, query).square(), self.reg, self.tol, self.max_iter)
        return plan @ query / plan.sum(dim=-1, keepdim=True)


def transport_plan(cost: Tensor, reg: float = 0.05, tol: float = 1e-4, max_iter: int = 1000) -> Tensor:
    r"""The entropic optimal transport between uniform weights on rows and on columns, by Sinkhorn's iteration on
    logarithms: `"Sinkhorn Distances: Lightspeed Computation of Optimal Transport" <https://arxiv.org/abs/1306.0895>`_.
    Written out here, for many problems at once, as no dependency has it.

    .. math::
        \min_{\Pi \ge 0} \sum_{ij} \Pi_{ij} C_{ij} + \varepsilon C_{\max} \sum_{ij} \Pi_{ij} \log \Pi_{ij}
        \quad \text{with} \quad \sum_j \Pi_{ij} = \tfrac{1}{n}, \; \sum_i \Pi_{ij} = \tfrac{1}{m}

    Args:
        cost (Tensor): Costs :math:`C \ge 0` of one or more problems.
        reg (float, optional): The regularization :math:`\varepsilon`, in units of a problem's largest cost.
            (default: ``0.05``)
        tol (float, optional): The iteration ends when row sums are off by less than that, in total. Column sums are
            exact. (default: ``1e-4``)
        max_iter (int, optional): Most iterations. (default: ``1000``)

    Shapes:
        - **input:** costs :math:`(*, n, m)`
        - **output:** plans :math:`(*, n, m)`
    """
    if not isinstance(cost, Tensor) or not cost.is_floating_point() or cost.dim() < 2 or 0 in cost.shape:
        raise ValueError(
            f"'cost' must be a non-empty floating point tensor of shape [..., n, m] (got {describe(cost)})"
        )
    check_positive("reg", reg)
    check_positive("tol", tol)
    check_count("max_iter", max_iter)
    n, m = cost.shape[-2:]
    peak = cost.amax(dim=(-2, -1), keepdim=True)
    logit = cost / -(reg * peak.clamp(min=torch.finfo(cost.dtype).tiny))
    row, column = logit.new_zeros((*cost.shape[:-1], 1)), logit.new_zeros((*cost.shape[:-2], 1, m))
    for step in range(max_iter + 1):
        total = (logit + column).logsumexp(dim=-1, keepdim=True)
        off = ((row + total).exp() - 1 / n).abs().sum(dim=(-2, -1))
        if step == max_iter or (step and float(off.max()) < tol):
            break
        row = -math.log(n) - total
        column = -math.log(m) - (logit + row).logsumexp(dim=-2, keepdim=True)
    return (logit + row + column).exp()
