"""Photos to views: images a second, and memory."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records

FIELDS = ("pipeline", "size", "workers", "ms", "turns", "cpu", "threads", "python", "torch", "torchvision", "pillow")
FIELDS += ("lightly", "date")
MEMORY = ("source", "photos", "MB", "cpu", "threads", "python", "torch", "torchvision", "pillow", "lightly", "date")
#: What others are compared with.
PEER = "lightly, per image"


def pipeline_records(folder: Path) -> Records:
    """A row a pipeline, size of views and number of workers; ``ms`` is milliseconds for an image."""
    return Records(folder / "pipeline.csv", FIELDS, ("pipeline", "size", "workers"))


def memory_records(folder: Path) -> Records:
    """A row a source and number of photos."""
    return Records(folder / "pipeline_memory.csv", MEMORY, ("source", "photos"))


def text(folder: Path, name: str) -> str:
    """Rates on one core and with two workers, and memory."""
    rows, memory = pipeline_records(folder).rows(), memory_records(folder).rows()
    if not rows:
        return ""
    parts = ["## Images a second", origin(folder, name)]
    sizes = sorted({int(row["size"]) for row in rows}, reverse=True)
    for workers, title in (
        ("0", "One core; milliseconds are those of the processor."),
        ("2", "Two workers, on the two cores of the machine; milliseconds are those of the clock."),
    ):
        if own := [row for row in rows if row["workers"] == workers]:
            parts += [title, _rates(own, sizes)]
    if memory:
        parts += ["## Memory by the number of photos", origin(folder, f"{name}_memory"), _memory(memory)]
    return "\n\n".join(parts)


def _rates(rows: list[dict[str, str]], sizes: list[int]) -> str:
    heads = "".join(f" {size} px: images/s | ms | × lightly |" for size in sizes)
    lines = [f"| |{heads}", f"| --- |{' ---: | ---: | ---: |' * len(sizes)}"]
    found = {(row["pipeline"], int(row["size"])): float(row["ms"]) for row in rows}
    for pipeline in dict.fromkeys(row["pipeline"] for row in rows):
        cells = []
        for size in sizes:
            ms, peer = found.get((pipeline, size)), found.get((PEER, size))
            ratio = "–" if ms is None or peer is None else f"{peer / ms:.2f}"
            cells += ["–"] * 3 if ms is None else [f"{1000 / ms:,.0f}", f"{ms:.2f}", ratio]
        lines.append(f"| {pipeline} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _memory(rows: list[dict[str, str]]) -> str:
    lines = ["| source | photos | peak memory | over the fewest, of a photo |", "| --- | ---: | ---: | ---: |"]
    for source in dict.fromkeys(row["source"] for row in rows):
        own = sorted((int(row["photos"]), float(row["MB"])) for row in rows if row["source"] == source)
        least, base = own[0]
        for count, peak in own:
            each = f"{(peak - base) * 2**20 / (count - least):,.0f} bytes" if count > least else "–"
            lines.append(f"| {source} | {count:,} | {peak:,.0f} MB | {each} |")
    return "\n".join(lines)
