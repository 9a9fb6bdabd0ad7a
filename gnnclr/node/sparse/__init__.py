"""Sparse matrices: adjacency, rows and blocks in CSR form, and propagation."""
