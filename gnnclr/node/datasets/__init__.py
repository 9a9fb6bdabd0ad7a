"""Graphs: files and generators, the checks of a graph, and its types."""
