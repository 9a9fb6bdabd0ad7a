"""The losses as functions."""

from torch import Tensor

from gnnclr.graph import FeatureBank
from gnnclr.losses.info_nce import InfoNCELoss
from gnnclr.losses.nt_xent import NTXentLoss
from gnnclr.losses.sup_con import SupConLoss


def nt_xent_loss(
    *views: Tensor, temperature: float | Tensor = 0.5, gather_distributed: bool = False, impl: str = "auto"
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.NTXentLoss`; takes views, or ``(x, graph)``."""
    return NTXentLoss(temperature, gather_distributed, impl)(*views)


def info_nce_loss(
    query: Tensor,
    key: Tensor,
    negatives: Tensor | FeatureBank | None = None,
    *,
    temperature: float | Tensor = 0.1,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.InfoNCELoss`."""
    return InfoNCELoss(temperature, gather_distributed, impl)(query, key, negatives)


def sup_con_loss(
    *views: Tensor,
    labels: Tensor | None = None,
    temperature: float | Tensor = 0.1,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.SupConLoss`; takes views, or ``(x, graph)``."""
    labels = {} if labels is None else {"labels": labels}
    return SupConLoss(temperature, gather_distributed, impl)(*views, **labels)
