import sys

import pytest
import torch
from probes import make_quick
from white_run import white_run

from benchmarks.images import cifar10
from benchmarks.pages.cifar10 import ALONE, ROWS, cifar10_records, text
from gnnclr.eval import knn_probe


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


def test_the_network_alone_is_beside_what_makes_it_white(tmp_path, monkeypatch):
    make_quick(monkeypatch)
    run = white_run(tmp_path / "run")
    monkeypatch.setattr(cifar10, "training_of", lambda *_: run)
    found = cifar10.network_alone("simclr-muon", 0, None)
    _, method, data, _ = run.load()
    network = method.eval().encoder.encoder.encoder
    images = torch.cat([part.images for part in (data.images.train, data.images.val, data.images.test)])
    with torch.no_grad():
        x = network(method.views.normalize(images.float() / 255))
    assert found["kNN"] == pytest.approx(knn_probe(x, data.labels, data.split).test, abs=0.01)
    assert found.keys() == {"linear", "kNN", "linear, validation", "kNN, validation"}

    def measures(row, seed, args):
        return dict.fromkeys(("raw", "untrained", "trained"), found | {"steps": 9, "seconds": 60.0})

    monkeypatch.setattr(cifar10, "run", measures)
    for row in ("simclr", *ALONE):
        monkeypatch.setattr(sys, "argv", ["cifar10", "--rows", row, "--seeds=1", f"--out={tmp_path}"])
        cifar10.main()
    page = text(tmp_path, "cifar10")
    assert "| simclr-muon, the network alone |" in page and "but for `simclr-muon, the network alone`" in page
