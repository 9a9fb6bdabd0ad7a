"""The table of objectives.md, made of the anatomies of the losses.

python docs/objectives_table.py    # writes the table anew, as `make docs` does
"""

import inspect
from pathlib import Path

from generated_table import escaped, linked, with_table, write

from gnnclr import losses

PAGE = Path(__file__).parent / "objectives.md"
BEGIN = "<!-- table: python docs/objectives_table.py -->\n"


def table() -> str:
    """The rows, in Markdown."""
    lines = ["| objective | kernel | link | pairs that repel | weights | file | paper |", "| --- " * 7 + "|"]
    for name in sorted(losses.__all__):
        loss = getattr(losses, name)
        if (card := getattr(loss, "card", None)) is None:  # base classes
            continue
        file = Path(inspect.getfile(loss)).name
        words = [escaped(getattr(card, part)) for part in ("kernel", "link", "pairs", "weights")]
        lines.append(f"| `{name}` | {' | '.join(words)} | [{file}](../gnnclr/losses/{file}) | {linked(card.paper)} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table as it is now."""
    return with_table(text, BEGIN, table())


if __name__ == "__main__":
    write(PAGE, page(PAGE.read_text(encoding="utf-8")))
