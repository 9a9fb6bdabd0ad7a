"""Views of a graph, and transforms of its features."""
