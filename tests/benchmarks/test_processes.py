import pytest

from benchmarks.graphs import processes
from benchmarks.pages.processes import processes_records, text


def test_the_page_has_a_line_for_each_number_of_processes(tmp_path):
    assert text(tmp_path, "processes") == ""
    measured = {"steps": 4, "cpu_seconds": 2.04, "seconds": 3.0, "embedding_cpu_seconds": 0.5, "embedding_seconds": 1.0}
    for count in (1, 2):
        key = {"recipe": "grace-arxiv", "nodes": 12_000, "processes": count}
        processes_records(tmp_path).put([key | measured | {"memory_gb": 0.91}])
    lines = text(tmp_path, "processes").splitlines()
    assert lines[-2:] == [f"| random nodes | 12,000 | {n} | 4 | 2.0 s (3.0) | 0.5 s (1.0) | 0.91 GB |" for n in (1, 2)]


def test_a_row_is_an_epoch_of_all_batches():
    found = processes.cell("grace-arxiv", 1, 4500)
    assert found["steps"] == 3 and 0 < found["cpu_seconds"] < 60
    assert found["memory_gb"] == pytest.approx(1.0, abs=0.9) and found["embedding_seconds"] > 0
