"""Rewirings of the graph of a batch: positives added, swapped or dropped, negatives ignored, weighed or mixed."""
