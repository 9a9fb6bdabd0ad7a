import sys

import pytest
import torch
from probes import make_quick
from white_run import white_run

from benchmarks.images import cifar10
from benchmarks.pages.cifar10 import ALONE, ROWS, WHOLE, cifar10_records, settings_of, text
from gnnclr.eval import knn_probe
from gnnclr.train import Run, parse_recipe


def test_runs_are_done_once_and_shown(tmp_path, monkeypatch, capsys):
    done = []

    def run(row, seed, features, args):
        done.append((row, seed, features))
        found = {"linear": 0.5 + 0.01 * (row == "supcon") * (2 + seed), "kNN": 0.4}
        return found | {"linear, validation": 0.5, "kNN, validation": 0.4, "steps": 9, "seconds": 60.0}

    monkeypatch.setattr(cifar10, "run", run)
    monkeypatch.setattr(
        sys, "argv", ["cifar10", "--rows", "simclr", "supcon", "dhel", "--seeds=2", f"--out={tmp_path}"]
    )
    for _ in range(2):
        cifar10.main()
    trained = [(row, seed, "trained") for seed in range(2) for row in ("simclr", "supcon", "dhel")]
    assert done == [trained[0], ("simclr", 0, "raw"), ("simclr", 0, "untrained"), *trained[1:]]
    page = text(tmp_path, "cifar10")
    lines = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    assert "+2.5 ± 0.7, no clear difference" in lines["supcon"] and lines["supcon"].split("|")[-2].strip() == "1.00"
    assert "+0.0 ± 0.0" in lines["dhel"] and lines["dhel"].split("|")[-2].strip() == "0.00"
    assert (
        page.split("\n\n")[1].startswith("4 epochs")
        and "reaches 3.2 points" in page
        and page.strip() in capsys.readouterr().out
    )
    assert len(cifar10_records(tmp_path).rows()) == 2 * 3 + 2


@pytest.mark.parametrize("row", ROWS)
def test_rows_differ_in_their_recipes_alone(row):
    own, base = (settings_of(each, 4).parsed for each in (row, "simclr"))
    assert own.trainer.max_epochs == (5 if row in WHOLE else 4)
    if row not in WHOLE:
        assert own.model.optimizer == base.model.optimizer and own.data.init_args.batch_size == 128
        views = {"views": 2 if row.startswith("moco") else 4}
        wanted = base.model.method.init_args.views.init_args.as_dict() | views
        assert own.model.method.init_args.views.init_args.as_dict() == wanted


def test_kinds_of_features_of_a_run(tmp_path, monkeypatch):
    make_quick(monkeypatch)
    short = ["--data.size=8", "--trainer.accelerator=cpu", "--trainer.max_epochs=1", "--data.limit=256"]
    training = Run(parse_recipe("simclr-digits", short), tmp_path)
    monkeypatch.setattr(cifar10, "training_of", lambda *_: training)
    found = {each: cifar10.run("simclr", 0, each, None) for each in ("trained", "raw", "untrained")}
    assert found["trained"]["steps"] == torch.load(training.checkpoint, weights_only=True)["global_step"] > 0
    assert found["trained"].keys() - found["raw"].keys() == {"steps", "seconds"}
    result = training.evaluate()
    for each, values in found.items():
        assert values["linear"] == result["test"][each]["linear"]
        assert values["kNN, validation"] == result["validation"][each]["kNN"]


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

    monkeypatch.setattr(cifar10, "run", lambda *_: found | {"steps": 9, "seconds": 60.0})
    for row in ("simclr", *ALONE):
        monkeypatch.setattr(sys, "argv", ["cifar10", "--rows", row, "--seeds=1", f"--out={tmp_path}"])
        cifar10.main()
    page = text(tmp_path, "cifar10")
    assert "| simclr-muon, the network alone |" in page and "but for `simclr-muon, the network alone`" in page
