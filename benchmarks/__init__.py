"""What the package takes and gives, measured; run as ``python -m benchmarks.graphs.methods`` from the repository."""
