"""The losses as functions.

Each takes what its class takes: views as arguments, or ``(x, graph)``; all options by keyword.
"""

from torch import Tensor

from gnnclr.graph import ContrastGraph, FeatureBank
from gnnclr.losses.align_uniform import AlignUniformLoss
from gnnclr.losses.asymmetric import AsymmetricInfoNCELoss
from gnnclr.losses.barlow_twins import BarlowTwinsLoss
from gnnclr.losses.cca_ssg import CCASSGLoss
from gnnclr.losses.clip import CLIPLoss
from gnnclr.losses.community import CommunityNTXentLoss
from gnnclr.losses.dcl import DCLLoss
from gnnclr.losses.dhel import DHELLoss
from gnnclr.losses.f_micl import FMICLLoss
from gnnclr.losses.hard_negative import HardNegativeLoss
from gnnclr.losses.info_nce import InfoNCELoss
from gnnclr.losses.jsd import JSDLoss
from gnnclr.losses.kcl import KCLLoss
from gnnclr.losses.kernel_info_nce import KernelInfoNCELoss
from gnnclr.losses.negative_cosine import NegativeCosineLoss
from gnnclr.losses.nt_xent import NTXentLoss
from gnnclr.losses.prototype import PrototypeLoss
from gnnclr.losses.random_walk import RandomWalkLaplacianLoss
from gnnclr.losses.resc import ReSCLoss
from gnnclr.losses.spectral import SpectralContrastiveLoss
from gnnclr.losses.sup_con import SupConLoss
from gnnclr.losses.triplet import TripletLoss
from gnnclr.losses.vicreg import VICRegLoss

Views = Tensor | ContrastGraph


def align_uniform_loss(
    *views: Views,
    alpha: float = 2.0,
    t: float = 2.0,
    align_weight: float = 1.0,
    uniform_weight: float = 1.0,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.AlignUniformLoss`."""
    return AlignUniformLoss(alpha, t, align_weight, uniform_weight, gather_distributed, impl)(*views)


def asymmetric_info_nce_loss(
    *views: Views,
    temperature: float = 0.5,
    variant: str = "ip",
    alpha: float = 0.2,
    adversarial_weight: float = 1.0,
    clean_views: int = 2,
    beta: float = 1.0,
    tau_plus: float = 0.1,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.AsymmetricInfoNCELoss`; the adversarial view comes last."""
    loss = AsymmetricInfoNCELoss(
        temperature, variant, alpha, adversarial_weight, clean_views, beta, tau_plus, gather_distributed, impl
    )
    return loss(*views)


def barlow_twins_loss(*views: Views, redundancy: float = 0.0051, gather_distributed: bool = False) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.BarlowTwinsLoss`."""
    return BarlowTwinsLoss(redundancy, gather_distributed)(*views)


def cca_ssg_loss(*views: Views, decorrelation: float = 1e-3, gather_distributed: bool = False) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.CCASSGLoss`."""
    return CCASSGLoss(decorrelation, gather_distributed)(*views)


def clip_loss(*views: Views, temperature: float = 0.07, gather_distributed: bool = False, impl: str = "auto") -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.CLIPLoss` at a fixed temperature: what is learned needs a module."""
    return CLIPLoss(temperature, False, gather_distributed, impl)(*views)


def community_nt_xent_loss(
    *views: Views,
    community: Tensor | None = None,
    temperature: float | Tensor = 0.5,
    rho: float = 0.5,
    gather_distributed: bool = False,
    impl: str = "auto",
    mean: str = "anchors",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.CommunityNTXentLoss`."""
    communities = {} if community is None else {"community": community}
    return CommunityNTXentLoss(temperature, rho, gather_distributed, impl, mean)(*views, **communities)


def dcl_loss(
    *views: Views,
    temperature: float | Tensor = 0.1,
    weighted: bool = False,
    sigma: float = 0.5,
    gather_distributed: bool = False,
    impl: str = "auto",
    mean: str = "anchors",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.DCLLoss`."""
    return DCLLoss(temperature, weighted, sigma, gather_distributed, impl, mean)(*views)


def dhel_loss(
    *views: Views,
    temperature: float | Tensor = 0.3,
    both_views: bool = True,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.DHELLoss`."""
    return DHELLoss(temperature, both_views, gather_distributed, impl)(*views)


def f_micl_loss(
    *views: Views,
    divergence: str = "kl",
    alpha: float = 64.0,
    sigma: float = 1.0,
    mu: float = 1.0,
    tsallis_alpha: float = 1.5,
    both_views: bool = False,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.FMICLLoss`."""
    loss = FMICLLoss(divergence, alpha, sigma, mu, tsallis_alpha, both_views, gather_distributed, impl)
    return loss(*views)


def hard_negative_loss(
    *views: Views,
    temperature: float = 0.5,
    beta: float = 1.0,
    tau_plus: float = 0.1,
    gather_distributed: bool = False,
    impl: str = "auto",
    mean: str = "anchors",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.HardNegativeLoss`."""
    return HardNegativeLoss(temperature, beta, tau_plus, gather_distributed, impl, mean)(*views)


def info_nce_loss(
    query: Tensor,
    key: Views,
    negatives: Tensor | FeatureBank | None = None,
    *,
    temperature: float | Tensor = 0.1,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.InfoNCELoss`."""
    return InfoNCELoss(temperature, gather_distributed, impl)(query, key, negatives)


def jsd_loss(*views: Views, normalized: bool = False, gather_distributed: bool = False, impl: str = "auto") -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.JSDLoss`."""
    return JSDLoss(normalized, gather_distributed, impl)(*views)


def kcl_loss(
    *views: Views,
    kernel: str = "gaussian",
    t: float = 2.0,
    gamma: float = 16.0,
    log_factor: float = 0.5,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.KCLLoss`."""
    return KCLLoss(kernel, t, gamma, log_factor, gather_distributed, impl)(*views)


def kernel_info_nce_loss(
    *views: Views,
    temperature: float | Tensor = 0.1,
    gamma: float = 2.0,
    weight: float = 1.0,
    second_temperature: float | None = None,
    mix: str = "loss",
    split: bool = False,
    arc_cosine: int | None = None,
    gather_distributed: bool = False,
    impl: str = "auto",
    mean: str = "anchors",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.KernelInfoNCELoss`."""
    loss = KernelInfoNCELoss(
        temperature, gamma, weight, second_temperature, mix, split, arc_cosine, gather_distributed, impl, mean
    )
    return loss(*views)


def negative_cosine_loss(*views: Views, gather_distributed: bool = False) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.NegativeCosineLoss`: predictions first, then targets."""
    return NegativeCosineLoss(gather_distributed)(*views)


def nt_xent_loss(
    *views: Views,
    temperature: float | Tensor = 0.5,
    gather_distributed: bool = False,
    impl: str = "auto",
    mean: str = "anchors",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.NTXentLoss`."""
    return NTXentLoss(temperature, gather_distributed, impl, mean)(*views)


def prototype_loss(
    *views: Views,
    temperature: float | Tensor = 0.2239,
    normalized: bool = True,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.PrototypeLoss`: originals first, then views."""
    return PrototypeLoss(temperature, normalized, gather_distributed, impl)(*views)


def random_walk_laplacian_loss(
    *views: Views,
    temperature: float | Tensor = 0.4,
    reduction: str = "sum",
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.RandomWalkLaplacianLoss`."""
    return RandomWalkLaplacianLoss(temperature, reduction, gather_distributed, impl)(*views)


def resc_loss(
    *views: Views,
    community: Tensor | None = None,
    other_community: Tensor | None = None,
    temperature: float = 0.4,
    similarity: str = "cosine",
    gamma: float = 0.0,
    gather_distributed: bool = False,
    impl: str = "auto",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.ReSCLoss`."""
    communities = {"community": community, "other_community": other_community}
    communities = {name: value for name, value in communities.items() if value is not None}
    return ReSCLoss(temperature, similarity, gamma, gather_distributed, impl)(*views, **communities)


def spectral_contrastive_loss(
    *views: Views, mu: float = 1.0, gather_distributed: bool = False, impl: str = "auto"
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.SpectralContrastiveLoss`."""
    return SpectralContrastiveLoss(mu, gather_distributed, impl)(*views)


def sup_con_loss(
    *views: Views,
    labels: Tensor | None = None,
    temperature: float | Tensor = 0.1,
    gather_distributed: bool = False,
    impl: str = "auto",
    mean: str = "anchors",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.SupConLoss`."""
    labels = {} if labels is None else {"labels": labels}
    return SupConLoss(temperature, gather_distributed, impl, mean)(*views, **labels)


def triplet_loss(
    *views: Views,
    margin: float = 1.0,
    normalized: bool = True,
    gather_distributed: bool = False,
    impl: str = "auto",
    positives: str = "all",
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.TripletLoss`."""
    return TripletLoss(margin, normalized, gather_distributed, impl, positives)(*views)


def vicreg_loss(
    *views: Views,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    gather_distributed: bool = False,
) -> Tensor:
    """Functional twin of :class:`~gnnclr.losses.VICRegLoss`."""
    return VICRegLoss(invariance, variance, covariance, gather_distributed)(*views)
