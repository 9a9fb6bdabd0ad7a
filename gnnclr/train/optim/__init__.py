"""Optimizers that torch has none of, groups of decayed parameters, and the learning rate over time."""
