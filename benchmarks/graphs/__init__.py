"""Parts of the benchmark of methods for graphs, ``benchmarks/node.py``."""
