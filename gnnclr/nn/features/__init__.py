"""Updates without negatives: messages over features."""

from gnnclr.nn.features.barlow import BarlowTwinsConv
from gnnclr.nn.features.base import FeatureConv
from gnnclr.nn.features.cca import CCAConv
from gnnclr.nn.features.standardize import Standardized
from gnnclr.nn.features.vicreg import VICRegConv

__all__ = ["BarlowTwinsConv", "CCAConv", "FeatureConv", "Standardized", "VICRegConv"]
