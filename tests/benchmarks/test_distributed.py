"""The benchmark of several processes, at a size that takes no time."""

import pytest
import torch

from benchmarks.common.distributed_steps import METHODS, distributed_step
from benchmarks.distributed import WIDTH, cells, measure
from benchmarks.pages import section
from benchmarks.pages.distributed import OURS, WHOLE, distributed_records


@pytest.mark.parametrize("family", METHODS)
def test_methods_compute_the_same(family):
    views = torch.randn(2, 9, 16).unbind()
    values = [distributed_step(family, name)(*views) for name in METHODS[family]]
    for value in values[1:]:
        torch.testing.assert_close(value, values[0])


def test_page(tmp_path):
    key = {"loss_name": "nt_xent", "method": OURS, "pairs": 20}
    one = measure("nt_xent", OURS, 20, 1)
    assert one["received_mb"] == 0 and one["seconds"] > 0
    two = one | {"seconds": one["seconds"] / 2, "received_mb": 20 * WIDTH * 4 / 1e6}
    distributed_records(tmp_path).write([key | {"processes": 1} | one, key | {"processes": 2} | two])
    lines = [line for line in section("distributed", tmp_path).splitlines() if line.startswith("| 20 ")]
    assert len(lines) == 1 and lines[0].startswith(f"| 20 | {OURS} |")
    assert "| 2.00 |" in lines[0] and lines[0].endswith("| 1.00 |")


def test_what_holds_matrices_is_left_out():
    large = {(family, name) for family, name, _ in cells(2, [8192])}
    assert ("nt_xent", WHOLE) in large and ("nt_xent", "lightly") not in large
    assert WHOLE not in {name for _, name, _ in cells(1, [256])}
