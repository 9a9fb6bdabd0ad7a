"""Runs at the same time, each in a process of its own, and the memory that they take."""

from gnnclr.train.parallel.jobs import Job, Jobs
from gnnclr.train.parallel.memory import PeakMemory, resident_gb

__all__ = ["Job", "Jobs", "PeakMemory", "resident_gb"]
