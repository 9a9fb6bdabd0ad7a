"""Tables of the pages that are made of the package: between two comments of a page, which name what makes them."""

import re
from pathlib import Path

END = "<!-- end of the table -->\n"


def linked(papers: str) -> str:
    """Sources as they stand in the package, ``Title, https://...; Title, https://...``, as links in Markdown."""
    return "; ".join(re.sub(r"(.+), (https://\S+)", r"[\1](\2)", paper) for paper in papers.split("; "))


def escaped(text: str) -> str:
    """Plain text as a cell of a table."""
    return re.sub(r"([|*_<\\])", r"\\\1", text)


def with_table(text: str, begin: str, table: str) -> str:
    """The text of a page with its table as it is now."""
    before, rest = text.split(begin)
    return before + begin + "\n" + table + "\n" + END + rest.split(END, 1)[1]


def write(path: Path, text: str) -> None:
    """Writes a page if it has changed."""
    if path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
