"""Encoders of nodes, and ways to embed a graph that does not fit in memory at once."""
