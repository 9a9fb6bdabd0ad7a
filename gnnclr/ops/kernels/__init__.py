"""Pair kernels: values and slopes of functions of the similarity, or of the distance, of two rows."""

from gnnclr.ops.kernels.arccos import LogArcCosine
from gnnclr.ops.kernels.base import DistanceKernel, PairKernel
from gnnclr.ops.kernels.divergence import DIVERGENCES, DivergenceNegative, DivergencePositive, f_divergence
from gnnclr.ops.kernels.hinge import CosineHinge, Hinge, NearerHinge
from gnnclr.ops.kernels.mixture import LogConcatenation, LogSum, OnHalf
from gnnclr.ops.kernels.potentials import Gaussian, InverseMultiquadric, Logarithmic
from gnnclr.ops.kernels.power import NegativePower, Riesz
from gnnclr.ops.kernels.similarity import JensenShannonNegative, JensenShannonPositive, Softplus, Square

__all__ = [
    "DIVERGENCES",
    "CosineHinge",
    "DistanceKernel",
    "DivergenceNegative",
    "DivergencePositive",
    "Gaussian",
    "Hinge",
    "InverseMultiquadric",
    "JensenShannonNegative",
    "JensenShannonPositive",
    "LogArcCosine",
    "LogConcatenation",
    "LogSum",
    "Logarithmic",
    "NearerHinge",
    "NegativePower",
    "OnHalf",
    "PairKernel",
    "Riesz",
    "Softplus",
    "Square",
    "f_divergence",
]
