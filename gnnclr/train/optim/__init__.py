"""Optimizers that torch has none of, groups of decayed parameters, and the learning rate over time."""

from gnnclr.train.optim.groups import parameter_groups
from gnnclr.train.optim.lars import LARS
from gnnclr.train.optim.muon import Muon
from gnnclr.train.optim.schedule import follow_schedule, warmup_cosine

__all__ = ["LARS", "Muon", "follow_schedule", "parameter_groups", "warmup_cosine"]
