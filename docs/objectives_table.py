"""The table of objectives.md, made of the anatomies of the losses.

python docs/objectives_table.py    # writes the table anew
"""

import inspect
import re
from pathlib import Path

from gnnclr import losses

PAGE = Path(__file__).parent / "objectives.md"
BEGIN, END = "<!-- table: python docs/objectives_table.py -->\n", "<!-- end of the table -->\n"


def table() -> str:
    """The rows, in Markdown."""
    lines = ["| objective | kernel | link | pairs that repel | weights | file | paper |", "| --- " * 7 + "|"]
    for name in sorted(losses.__all__):
        loss = getattr(losses, name)
        if (anatomy := getattr(loss, "anatomy", None)) is None:  # base classes
            continue
        file = Path(inspect.getfile(loss)).name
        words = [
            re.sub(r"([|*_<\\])", r"\\\1", getattr(anatomy, part)) for part in ("kernel", "link", "pairs", "weights")
        ]
        papers = "; ".join(re.sub(r"(.+), (https://\S+)", r"[\1](\2)", paper) for paper in anatomy.paper.split("; "))
        lines.append(f"| `{name}` | {' | '.join(words)} | [{file}](../gnnclr/losses/{file}) | {papers} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table as it is now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
