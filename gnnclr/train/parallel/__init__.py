"""Runs at the same time, each in a process of its own, and the memory that they take."""

from gnnclr.train.parallel.memory import PeakMemory, resident_gb

__all__ = ["PeakMemory", "resident_gb"]
