"""Predictors between the embeddings of one view and those of another."""

from gnnclr.nn.predictors.direct_copy import DirectCopy
from gnnclr.nn.predictors.direct_pred import DirectPred
from gnnclr.nn.predictors.direct_set import DirectSet
from gnnclr.nn.predictors.spectral import SpectralPredictor
from gnnclr.nn.predictors.trained import LinearPredictor, MLPPredictor

__all__ = ["DirectCopy", "DirectPred", "DirectSet", "LinearPredictor", "MLPPredictor", "SpectralPredictor"]
