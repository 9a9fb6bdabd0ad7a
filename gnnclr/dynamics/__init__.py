"""Contrastive updates without an encoder: points on the sphere under message passing, and their spectra; and the
dynamics of a linear encoder with a predictor."""

from gnnclr.dynamics.linear_siamese import LinearSiamese, SiameseWeights
from gnnclr.dynamics.measures import sphere_measures
from gnnclr.dynamics.meta_train import meta_train
from gnnclr.dynamics.principal_angles import principal_angles
from gnnclr.dynamics.siamese_modes import Modes, ModeTrajectory, SiameseModes
from gnnclr.dynamics.siamese_trajectory import SiameseTrajectory
from gnnclr.dynamics.simulate import simulate
from gnnclr.dynamics.spectrum import augmentation_eigenvectors, joint_distribution
from gnnclr.dynamics.trajectory import Trajectory

__all__ = [
    "LinearSiamese",
    "ModeTrajectory",
    "Modes",
    "SiameseModes",
    "SiameseTrajectory",
    "SiameseWeights",
    "Trajectory",
    "augmentation_eigenvectors",
    "joint_distribution",
    "meta_train",
    "principal_angles",
    "simulate",
    "sphere_measures",
]
