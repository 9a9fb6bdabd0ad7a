"""Batches larger than the encoder's memory."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records

#: What the others are compared with.
PLAIN = "plain steps of a chunk each"
#: What keeps the activations of all, at fewer images.
WHOLE = "one pass over all"
FIELDS = ("form", "norm", "images", "data", "chunk", "seconds", "peak MB", "from same chunks", "from all at once")
FIELDS += ("cpu", "threads", "python", "torch", "torchvision", "date")


def chunks_records(folder: Path) -> Records:
    """A row a form, for its costs, and a row a form and normalization, for its gradients."""
    return Records(folder / "chunks.csv", FIELDS, ("form", "norm", "images"))


def text(folder: Path, name: str) -> str:
    """Costs, and gradients."""
    rows = chunks_records(folder).rows()
    if not rows:
        return ""
    costs = [row for row in rows if row["seconds"]]
    gradients = [row for row in rows if row["from same chunks"]]
    plain = next(float(row["seconds"]) for row in costs if row["form"] == PLAIN)
    lines = ["| | images | seconds | × plain | peak memory |", "| --- | ---: | ---: | ---: | ---: |"]
    for row in costs:
        seconds = float(row["seconds"])
        ratio = "–" if row["form"] == WHOLE else f"{seconds / plain:.2f}"
        cells = (row["form"], f"{int(row['images']):,}", f"{seconds:.1f}", ratio, f"{float(row['peak MB']):,.0f} MB")
        lines.append(f"| {' | '.join(cells)} |")
    heads = "| | normalization | from one pass over the same chunks | from one pass over all |"
    table = [heads, "| --- | --- | ---: | ---: |"]
    for row in gradients:
        same, whole = (float(row[key]) for key in ("from same chunks", "from all at once"))
        table.append(f"| {row['form']} | {row['norm']} | {f'{same:.1e}' if same else 'none'} | {whole:.1e} |")
    first = costs[0]
    about = (
        f"The gradient of NT-Xent over two views of {int(first['images']):,} images ({first['data']}) in one batch, "
        f"through the slim ResNet and a projector in chunks of {first['chunk']} views. Plain steps contrast the same "
        "images within chunks alone; one pass over all, which keeps all activations, has fewer images. Seconds are "
        "those of the processor, on one thread; peak memory is over that at the start, the views included."
    )
    checked = (
        f"Differences of gradients, relative to their length, of {int(gradients[0]['images']):,} images. With batch "
        "normalization a chunk is a ghost batch, so that one pass over all has another gradient."
    )
    parts = ["## Large batches", about, origin(folder, name), "\n".join(lines), checked, "\n".join(table)]
    return "\n\n".join(parts)
