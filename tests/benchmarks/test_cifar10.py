import sys

from benchmarks.images import cifar10
from benchmarks.pages.cifar10 import ROWS, cifar10_records, text


def test_runs_are_done_once_and_shown(tmp_path, monkeypatch, capsys):
    done = []

    def run(row, seed, args):
        done.append((row, seed))
        found = {"linear": 0.5 + 0.01 * (row == "supcon") * (2 + seed), "kNN": 0.4}
        found |= {"linear, validation": 0.5, "kNN, validation": 0.4}
        return dict.fromkeys(("raw", "untrained", "trained"), found | {"steps": 9, "seconds": 60.0})

    monkeypatch.setattr(cifar10, "run", run)
    monkeypatch.setattr(
        sys, "argv", ["cifar10", "--rows", "simclr", "supcon", "dhel", "--seeds=2", f"--out={tmp_path}"]
    )
    for _ in range(2):
        cifar10.main()
    assert [pair for pair in done if pair[0] != "simclr"] == [("supcon", 0), ("dhel", 0), ("supcon", 1), ("dhel", 1)]
    page = text(tmp_path, "cifar10")
    lines = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    assert "+2.5 ± 0.7, no clear difference" in lines["supcon"] and lines["supcon"].split("|")[-2].strip() == "1.00"
    assert "+0.0 ± 0.0" in lines["dhel"] and lines["dhel"].split("|")[-2].strip() == "0.00"
    assert "15 epochs" in page and "reaches 3.2 points" in page and page.strip() in capsys.readouterr().out
    assert len(cifar10_records(tmp_path).rows()) == 2 * (3 + 2)


def test_recipes_of_all_rows_exist():
    for settings in ROWS.values():
        assert settings.with_overrides("--trainer.max_epochs=15").epochs == 15
