"""The benchmark of batches in chunks, at a size that takes no time."""

from argparse import Namespace

import pytest

from benchmarks.chunks import FORMS, cell, compare
from benchmarks.pages import section
from benchmarks.pages.chunks import WHOLE, chunks_records

ARGS = Namespace(images=24, checked=12, chunk=4, root=None)


@pytest.mark.filterwarnings("ignore:batch normalization sees")
@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("form", ["`chunk_size`", "`cached_backward`"])
def test_gradients_are_those_of_one_pass(form, norm):
    found = compare(form, norm, ARGS)
    assert found["from same chunks"] == 0
    assert (found["from all at once"] < 1e-5) == (norm == "group")


@pytest.mark.filterwarnings("ignore:batch normalization sees")
def test_page(tmp_path):
    rows = [{"form": form, "norm": "batch", "images": 24} | cell(form, ARGS) for form in FORMS]
    rows += [{"form": "`chunk_size`", "norm": "group", "images": 12, "from same chunks": 0, "from all at once": 1e-7}]
    chunks_records(tmp_path).write(row | {"chunk": 4, "data": "random"} for row in rows)
    text = section("chunks", tmp_path)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[2:6]] == [f"| {form}" for form in FORMS]
    assert lines[-1] == "| `chunk_size` | group | none | 1.0e-07 |" and f"| {WHOLE} | 24 |" in text
