"""Batches of nodes and of subgraphs."""
