"""What all benchmarks share: records, machine, memory, paired differences, plots, processes."""

import argparse
import os
from pathlib import Path

#: Raw results, and the pages that are made of them.
RESULTS = Path(__file__).resolve().parents[1] / "results"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "results"


def add_root(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--root``, the folder of data sets."""
    root = os.environ.get("GNNCLR_DATA", "data")
    parser.add_argument("--root", default=root, help="folder of data sets (default: $GNNCLR_DATA, or data)")


def add_out(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--out``, the folder of results."""
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of results (default: benchmarks/results)")


def add_seeds(parser: argparse.ArgumentParser, default: int) -> None:
    """Adds the option ``--seeds``, how many there are."""
    parser.add_argument("--seeds", type=int, default=default, help=f"seeds 0 to N-1 (default: {default})")


def add_threads(parser: argparse.ArgumentParser, default: int | None = 1) -> None:
    """Adds the option ``--threads``; ``None`` leaves them to torch."""
    parser.add_argument("--threads", type=int, default=default, help=f"of torch (default: {default or 'its own'})")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--device``, where encoders are trained."""
    parser.add_argument("--device", default="cpu", help="where encoders are trained (default: cpu)")
