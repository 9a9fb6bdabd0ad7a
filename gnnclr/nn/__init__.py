"""Contrastive updates as message passing layers."""

from gnnclr.nn.alignment import AlignmentConv
from gnnclr.nn.bridge import bridge
from gnnclr.nn.contrastive import ContrastiveConv
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.uniformity import UniformityConv
from gnnclr.nn.update import Update

__all__ = ["AlignmentConv", "ContrastiveConv", "PairConv", "UniformityConv", "Update", "bridge"]
