"""Contrastive representation learning as message passing: a batch is a graph, an update is a layer."""

__version__ = "0.1.0"
