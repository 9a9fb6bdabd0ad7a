import argparse
import sys

from benchmarks.common.recipes import Settings
from benchmarks.images import systems

ROWS = {systems.UNTRAINED: Settings("simclr-digits"), "simclr": Settings("simclr-digits")}


def test_a_run_is_measured_on_its_data(tmp_path):
    args = argparse.Namespace(out=tmp_path, epochs=1)

    def measure(method, data):
        return {"width": data.embed(method).size(1), "training": method.training}

    found = systems.run(systems.UNTRAINED, ROWS[systems.UNTRAINED], 0, args, measure)
    assert found == {"width": 64, "training": False}
    found = systems.run("simclr", ROWS["simclr"], 0, args, measure)
    assert found["width"] == 64 and found["last loss"] < found["first loss"]


def test_runs_are_done_once_and_shown(tmp_path, monkeypatch, capsys):
    done = []

    def run(row, chosen, seed, args, measure):
        done.append((row, seed))
        return {"clean": 0.5 + 0.1 * seed, "robust": 0.25, "seconds": 3.0}

    monkeypatch.setattr(systems, "run", run)
    monkeypatch.setattr(sys, "argv", ["robust", "--seeds", "2", "--out", str(tmp_path)])
    for _ in range(2):
        systems.judge("robust", "What it is.\n\nMore.", ROWS, lambda method, data: {}, ("clean",))
    assert done == [(row, seed) for seed in (0, 1) for row in ROWS]
    assert "| simclr" in (page := (tmp_path / "robust.md").read_text(encoding="utf-8")) and "55.0 ± 7.1" in page
    assert "--seeds=2 --epochs=10 --threads=1" in page and page.strip() in capsys.readouterr().out
