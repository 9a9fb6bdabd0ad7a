"""Time and memory of a loss step."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Line, Records

FIELDS = ("loss_name", "method", "pairs", "seconds", "memory_mb", "loss")
FAMILIES = {"nt_xent": "NT-Xent", "info_nce": "InfoNCE, one way"}
HEADINGS = {"losses": "On a CPU", "losses_cuda": "On a GPU"}
#: What no exact gradient of the textbook form does without.
FLOOR = "3 products"


def losses_records(folder: Path, name: str) -> Records:
    """A row a family, method and size; ``name`` is ``"losses"``, or ``"losses_cuda"``."""
    return Records(folder / f"{name}.csv", FIELDS, FIELDS[:3])


def families(folder: Path, name: str) -> dict[str, list[Line]]:
    """Family to rows."""
    rows = losses_records(folder, name).rows()
    found = {family: [row for row in rows if row["loss_name"] == family] for family in FAMILIES}
    return {family: rows for family, rows in found.items() if rows}


def text(folder: Path, name: str) -> str:
    """A table a family: time, time over that of the products, memory."""
    parts = [f"## {HEADINGS[name]}", origin(folder, name)]
    for family, rows in families(folder, name).items():
        parts += [f"### {FAMILIES[family]}", table(rows)]
    return "\n\n".join([*parts, f"![time and memory]({name}.png)"]) if len(parts) > 2 else ""


def table(rows: list[Line]) -> str:
    """Methods by sizes."""
    sizes = sorted({int(row["pairs"]) for row in rows})
    floor = {int(row["pairs"]): float(row["seconds"]) for row in rows if row["method"] == FLOOR}
    lines = [f"| pairs | {' | '.join(f'{n:,}' for n in sizes)} |", "|---" * (len(sizes) + 1) + "|"]
    for name in dict.fromkeys(row["method"] for row in rows):
        cells = {int(row["pairs"]): cell(row, floor) for row in rows if row["method"] == name}
        lines.append(f"| {name} | {' | '.join(cells.get(n, '–') for n in sizes)} |")
    return "\n".join(lines)


def cell(row: Line, floor: dict[int, float]) -> str:
    seconds, n = float(row["seconds"]), int(row["pairs"])
    time = f"{seconds * 1e3:,.1f} ms"
    if row["method"] == FLOOR:
        return time
    ratio = f" ({seconds / floor[n]:.2f}×)" if n in floor else ""
    return f"{time}{ratio}, {float(row['memory_mb']):,.0f} MB"


def plot(folder: Path, path: Path) -> None:
    """Time and memory by size, both logarithmic."""
    from benchmarks.common.plots import bare, new_figure, save

    found = families(folder, path.stem)
    if not found:
        return
    figure = new_figure(5.5 * len(found), 8)
    panels = figure.subplots(2, len(found), squeeze=False)
    for column, (family, rows) in zip(panels.T, found.items()):
        for name in dict.fromkeys(row["method"] for row in rows):
            part = sorted((row for row in rows if row["method"] == name), key=lambda row: int(row["pairs"]))
            n = [int(row["pairs"]) for row in part]
            seconds, memory = ([float(row[key]) for row in part] for key in ("seconds", "memory_mb"))
            style = {"color": "0.5", "linestyle": "--"} if name == FLOOR else {"marker": "o", "markersize": 4}
            style |= {"linewidth": 2.5, "zorder": 3} if name == "gnnclr" else {}
            column[0].loglog(n, seconds, label=name, **style)
            if name != FLOOR:
                column[1].loglog(n, [max(value, 1) for value in memory], label=name, **style)
        column[0].set(title=FAMILIES[family], ylabel="seconds a step")
        column[1].set(xlabel="pairs", ylabel="peak memory over the inputs, MB")
        for axes in column:
            bare(axes, grid="both")
            axes.legend(fontsize=8, frameon=False)
    save(figure, path)
