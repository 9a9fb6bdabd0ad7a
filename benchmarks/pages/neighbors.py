"""The graph of nearest neighbors, by kind of search."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records
from gnnclr.graph.index import APPROXIMATE_ROWS

FIELDS = ("samples", "search", "seconds", "building", "searched", "recall", "MB")
FIELDS += ("cpu", "threads", "python", "torch", "faiss-cpu", "date")
#: The kind and the backend of each search.
SEARCHES = {
    "exact, torch": ("flat", "torch"),
    "Flat": ("flat", "faiss"),
    "IVF": ("ivf", "faiss"),
    "HNSW": ("hnsw", "faiss"),
}


def neighbors_records(folder: Path) -> Records:
    """A row a size and search."""
    return Records(folder / "neighbors.csv", FIELDS, ("samples", "search"))


def text(folder: Path, name: str) -> str:
    """Seconds, recall and memory of each size and search."""
    rows = sorted(neighbors_records(folder).rows(), key=lambda row: int(row["samples"]))
    if not rows:
        return ""
    lines = [
        "| samples | search | graph | of it, building | recall@10 | peak memory | `auto` |",
        "|---:|---|---:|---:|---:|---:|:-:|",
    ]
    for row in rows:
        n = int(row["samples"])
        scaled = "" if int(row["searched"]) == n else "*"
        cost = f"{float(row['seconds']):,.2f} s{scaled} | {float(row['building']):,.2f} s"
        chosen = "✓" if row["search"] == ("Flat" if n < APPROXIMATE_ROWS else "IVF") else ""
        quality = f"{float(row['recall']):.3f} | {float(row['MB']):,.0f} MB"
        lines.append(f"| {n:,} | {row['search']} | {cost} | {quality} | {chosen} |")
    about = (
        "The 10 nearest neighbors of every sample by cosine, among embeddings of 128 numbers in 100 clusters of few "
        "dimensions. Flat, IVF and HNSW are those of FAISS with the defaults of `KNNIndex`, and HNSW takes rows one by "
        "one, so that it is the same in every run; peak memory is over the embeddings, and recall is that of 1,000 "
        "samples. Cores were shared with other work: small differences of time mean nothing. "
        f"`auto` takes IVF from {APPROXIMATE_ROWS:,} samples on."
    )
    noted = (
        "\\* Of exact searches among more than 50,000 samples 10,000 are measured, and the seconds scaled to all; "
        "memory is that of the part."
    )
    return "\n\n".join(["## The graph of nearest neighbors", about, origin(folder, name), "\n".join(lines), noted])
