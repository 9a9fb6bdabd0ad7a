"""The code that pages show runs."""

import os
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent


def blocks(page: str) -> list[str]:
    """The Python code of a page, a string each block."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def names() -> dict:
    """What a reader has before the first block."""
    torch.manual_seed(0)
    z0, z1, query, key = torch.randn(4, 64, 128, requires_grad=True).unbind()
    return {"torch": torch, "z0": z0, "z1": z1, "query": query, "key": key, "y": torch.arange(64) % 5}


def test_code_of_the_readme():
    scope = names()
    shown = [block for block in blocks("README.md") if "PATH" not in block]
    assert len(shown) >= 4
    for block in shown:
        exec(block, scope)
    assert torch.isfinite(scope["MyLoss"]()(scope["z0"], scope["z1"]))  # what the page defines works


@pytest.mark.data
def test_code_of_the_readme_that_reads_files(capsys):
    scope = names()
    shown = [block for block in blocks("README.md") if "PATH" in block]
    assert shown
    for block in shown:
        exec(block.replace("PATH", os.environ["GNNCLR_DATA"]), scope)
    assert torch.isfinite(scope["loss"]) and "recall" in capsys.readouterr().out


def test_code_of_the_guides():
    for page in ("docs/communities.md", "docs/large_graphs.md"):
        shown = [block for block in blocks(page) if "neighbor_batches" not in block]  # needs what PyG does not install
        assert shown
        for block in shown:
            exec(block, names())
