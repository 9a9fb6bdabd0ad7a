"""Rewirings that are fitted to the whole graph, and the neighbors that they take."""
