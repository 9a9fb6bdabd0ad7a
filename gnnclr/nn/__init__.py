"""Contrastive updates as message passing layers."""

from gnnclr.nn.alignment import AlignmentConv
from gnnclr.nn.asymmetric import AsymmetricConv
from gnnclr.nn.bridge import bridge
from gnnclr.nn.chunks import in_chunks
from gnnclr.nn.contra_norm import ContraNorm
from gnnclr.nn.contrastive import ContrastiveConv
from gnnclr.nn.coupled import CoupledConv
from gnnclr.nn.far_positive_alignment import FarPositiveAlignmentConv
from gnnclr.nn.gaussian_uniformity import GaussianUniformityConv
from gnnclr.nn.hard_negative import HardNegativeConv
from gnnclr.nn.jumping import JumpingKnowledgeConv
from gnnclr.nn.learned_update import LearnedUpdate
from gnnclr.nn.mlp_head import MLPHead
from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.potential import PotentialConv
from gnnclr.nn.random_walk import RandomWalkConv
from gnnclr.nn.samp import SelfAttentionMessagePassing
from gnnclr.nn.sigmoid import SigmoidConv
from gnnclr.nn.signed import SignedMessagePassing
from gnnclr.nn.stage_memory import StageMemory
from gnnclr.nn.stop_gradient_alignment import StopGradientAlignmentConv
from gnnclr.nn.swapped_triplet import SwappedTripletConv
from gnnclr.nn.triplet import TripletConv
from gnnclr.nn.uniformity import UniformityConv
from gnnclr.nn.update import Update
from gnnclr.nn.weighted_sum import WeightedSum

__all__ = [
    "AlignmentConv",
    "AsymmetricConv",
    "ContraNorm",
    "ContrastiveConv",
    "CoupledConv",
    "FarPositiveAlignmentConv",
    "GaussianUniformityConv",
    "HardNegativeConv",
    "JumpingKnowledgeConv",
    "LearnedUpdate",
    "MLPHead",
    "MomentumEncoder",
    "PairConv",
    "PotentialConv",
    "RandomWalkConv",
    "SelfAttentionMessagePassing",
    "SigmoidConv",
    "SignedMessagePassing",
    "StageMemory",
    "StopGradientAlignmentConv",
    "SwappedTripletConv",
    "TripletConv",
    "UniformityConv",
    "Update",
    "WeightedSum",
    "bridge",
    "in_chunks",
]
