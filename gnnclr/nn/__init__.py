"""Contrastive updates as message passing layers."""

from gnnclr.nn.alignment import AlignmentConv
from gnnclr.nn.asymmetric import AsymmetricConv
from gnnclr.nn.bridge import bridge
from gnnclr.nn.contrastive import ContrastiveConv
from gnnclr.nn.coupled import CoupledConv
from gnnclr.nn.dcl_weight import FarPositiveAlignmentConv
from gnnclr.nn.gaussian_uniformity import GaussianUniformityConv
from gnnclr.nn.hard_negative import HardNegativeConv
from gnnclr.nn.one_sided import OneSidedAlignmentConv
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.potential import PotentialConv
from gnnclr.nn.random_walk import RandomWalkConv
from gnnclr.nn.triplet import TripletConv
from gnnclr.nn.uniformity import UniformityConv
from gnnclr.nn.update import Update
from gnnclr.nn.weighted_sum import WeightedSum

__all__ = [
    "AlignmentConv",
    "AsymmetricConv",
    "ContrastiveConv",
    "CoupledConv",
    "FarPositiveAlignmentConv",
    "GaussianUniformityConv",
    "HardNegativeConv",
    "OneSidedAlignmentConv",
    "PairConv",
    "PotentialConv",
    "RandomWalkConv",
    "TripletConv",
    "UniformityConv",
    "Update",
    "WeightedSum",
    "bridge",
]
