"""The parts of a page of a report."""

import re


def section(page, title):
    return re.search(rf"<h2>{re.escape(title)}</h2>.*?</section>", page, re.DOTALL)[0]


def rows(page, title):
    """The rows of the table of a section, by their first cell."""
    lines = re.findall(r"<tr>(.*?)</tr>", section(page, title))
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line) for line in lines]
    return {name: dict(zip(cells[0][1:], values)) for name, *values in cells[1:]}
