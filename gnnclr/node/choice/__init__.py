"""Choices between features of a graph, by what is seen of it without the test."""
