"""Losses: energies of contrastive layers under the names of the literature."""

from gnnclr.losses.aggregated import AggregatedLoss
from gnnclr.losses.align_uniform import AlignUniformLoss
from gnnclr.losses.asymmetric import AsymmetricInfoNCELoss
from gnnclr.losses.barlow_twins import BarlowTwinsLoss
from gnnclr.losses.cached_backward import cached_backward
from gnnclr.losses.cca_ssg import CCASSGLoss
from gnnclr.losses.clip import CLIPLoss
from gnnclr.losses.community import CommunityNTXentLoss
from gnnclr.losses.dcl import DCLLoss
from gnnclr.losses.dhel import DHELLoss
from gnnclr.losses.f_micl import FMICLLoss
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.hard_negative import HardNegativeLoss
from gnnclr.losses.info_nce import InfoNCELoss
from gnnclr.losses.jsd import JSDLoss
from gnnclr.losses.jumping import JumpingKnowledgeLoss
from gnnclr.losses.kcl import KCLLoss
from gnnclr.losses.kernel_info_nce import KernelInfoNCELoss
from gnnclr.losses.negative_cosine import NegativeCosineLoss
from gnnclr.losses.nt_xent import NTXentLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.losses.prototype import PrototypeLoss
from gnnclr.losses.random_walk import RandomWalkLaplacianLoss
from gnnclr.losses.resc import ReSCLoss
from gnnclr.losses.siglip import SigLIPLoss
from gnnclr.losses.spectral import SpectralContrastiveLoss
from gnnclr.losses.sup_con import SupConLoss
from gnnclr.losses.triplet import TripletLoss
from gnnclr.losses.vicreg import VICRegLoss

__all__ = [
    "AggregatedLoss",
    "AlignUniformLoss",
    "AsymmetricInfoNCELoss",
    "BarlowTwinsLoss",
    "CCASSGLoss",
    "CLIPLoss",
    "CommunityNTXentLoss",
    "DCLLoss",
    "DHELLoss",
    "FMICLLoss",
    "GraphLoss",
    "HardNegativeLoss",
    "InfoNCELoss",
    "JSDLoss",
    "JumpingKnowledgeLoss",
    "KCLLoss",
    "KernelInfoNCELoss",
    "NTXentLoss",
    "NegativeCosineLoss",
    "ObjectiveCard",
    "PrototypeLoss",
    "RandomWalkLaplacianLoss",
    "ReSCLoss",
    "SigLIPLoss",
    "SpectralContrastiveLoss",
    "SupConLoss",
    "TripletLoss",
    "VICRegLoss",
    "cached_backward",
]
