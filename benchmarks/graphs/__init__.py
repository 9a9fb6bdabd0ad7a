"""Graphs: methods under one protocol, rules for negatives and positives, several relations, large graphs."""
