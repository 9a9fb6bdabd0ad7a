"""The pages of results are what the CSV files give, and their texts are true to the tables."""

import re

import pytest

from benchmarks.common import DOCS, RESULTS
from benchmarks.pages import PAGES, render, section

NUMBER = re.compile(r"(?<![\w.,])\d*\.\d+|\d{1,3}(?:,\d{3})+(?:\.\d+)?")


@pytest.mark.parametrize("page", PAGES)
def test_page_is_what_the_results_give(page):
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert text == render(page), f"run: python -m benchmarks.pages {page}"
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (DOCS / picture).read_bytes()[:4] == b"\x89PNG"


@pytest.fixture(scope="module")
def made():
    """The sections of each page, without the texts around them."""
    return {page: "\n".join(section(name, RESULTS) for name in names) for page, names in PAGES.items()}


def unknown(text, made):
    """The decimals and thousands of a text that no table has, as they stand or in thousands: MB as GB, ms as s."""
    known = {float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\.?\d*", made)}
    numbers = {found: (float(found.replace(",", "")), len(found.partition(".")[2])) for found in NUMBER.findall(text)}
    return [
        found
        for found, (value, digits) in numbers.items()
        if not any(abs(round(n / unit, digits) - value) < 1e-9 for n in known for unit in (1, 1000))
    ]


@pytest.mark.parametrize("page", PAGES)
def test_conclusions_are_three_sentences_whose_numbers_are_measured(page, made):
    conclusions = (DOCS / f"{page}.md").read_text(encoding="utf-8").split("\n\n")[2]
    assert len(conclusions.splitlines()) == 3 and all(line.endswith(".") for line in conclusions.splitlines())
    assert unknown(conclusions, made[page]) == []


def test_readme_and_docs_have_the_numbers_of_the_pages(made):
    every = "\n".join(made.values())
    readme = (DOCS.parents[1] / "README.md").read_text(encoding="utf-8")
    for name in ("Why", "What works, and what does not"):
        assert unknown(readme.split(f"## {name}\n")[1].split("\n## ")[0], every) == []
    pair = re.compile(r"\d+\.\d ± \d+\.\d")
    for text in (readme, *(page.read_text(encoding="utf-8") for page in DOCS.parent.glob("*.md"))):
        assert set(pair.findall(text)) <= set(pair.findall(every))


def test_side_by_side_are_the_numbers_of_the_tables_below(made):
    above, below = made["graphs"].split("### cora", 1)
    found = set(re.findall(r"\d+\.\d ± \d+\.\d", above))
    assert len(found) > 50 and found <= set(re.findall(r"\d+\.\d ± \d+\.\d", below))


def test_unknown_numbers_are_found():
    assert unknown("2.2 s, 4.3 GB and 81.2 %, of 8,193", "8,192 | 2,193.9 ms, 4,299 MB | 81.3") == ["81.2", "8,193"]
