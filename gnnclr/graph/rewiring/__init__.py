"""Rewirings of a batch's graph, each a BaseTransform of PyG: of its positives, and of its negatives."""
