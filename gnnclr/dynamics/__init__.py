"""Contrastive updates without an encoder: points on the sphere under message passing, and their spectra."""

from gnnclr.dynamics.measures import sphere_measures
from gnnclr.dynamics.principal_angles import principal_angles
from gnnclr.dynamics.simulate import simulate
from gnnclr.dynamics.spectrum import augmentation_eigenvectors, joint_distribution
from gnnclr.dynamics.trajectory import Trajectory

__all__ = [
    "Trajectory",
    "augmentation_eigenvectors",
    "joint_distribution",
    "principal_angles",
    "simulate",
    "sphere_measures",
]
