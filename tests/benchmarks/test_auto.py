import pytest

from benchmarks.graphs import auto, auto_criteria
from benchmarks.pages import auto as page
from gnnclr.node import sbm

CELLS = ((0.0, 2), (0.5, 4))
SHORT = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--model.method.encoder.hidden_channels=4"]


@pytest.fixture
def few(monkeypatch):
    """A small graph in the place of Cora, and few cells."""
    data = sbm(120, num_classes=3, num_features=600, signal=0.4)
    for key in ("train_mask", "val_mask", "test_mask"):
        del data[key]
    monkeypatch.setattr(auto, "graph_of", lambda dataset, protocol, root: data.clone())
    for module in (auto, auto_criteria, page):
        monkeypatch.setattr(module, "CELLS", CELLS)


def test_units_are_done_once_and_shown(few, tmp_path, monkeypatch, capsys):
    words = ["--datasets", "cora", "--seeds", "2", "--out", str(tmp_path), "--work", str(tmp_path / "work")]
    parse = auto.parser
    monkeypatch.setattr(auto, "parser", lambda: (p := parse(), p.set_defaults(overrides=tuple(SHORT)))[0])
    auto.main([*words, "--cells", "compact", "--methods", "ccassg"])
    said = capsys.readouterr()
    assert "cora random ccassg seed 1" in said.err and "| `ccassg` " in said.out
    assert "| the concatenation " in said.out and "| PPR of LSA, searched " in said.out and "| X " not in said.out
    assert len(page.cell_records(tmp_path).rows()) == 2 * 4 and len(page.run_records(tmp_path).rows()) == 2
    assert not list((tmp_path / "work").glob("*-0"))  # what a finished run needed
    monkeypatch.setattr(auto, "probe", None)  # nothing is measured again
    auto.main([*words, "--cells", "compact", "--methods", "ccassg"])
    auto.main([*words, "--criteria", "--cells", "compact"])
    assert "## Choices without labels" in capsys.readouterr().out
    line = page.criteria_records(tmp_path).rows()[0]
    assert 0.5 < float(line["link_auc"]) < 1 and 0 < float(line["stability"]) <= 1 and float(line["rankme"]) > 1
    monkeypatch.setattr(auto_criteria, "effective_rank", None)
    auto.main([*words, "--criteria"])


def cell(blocks, seed, val, test):
    return {"blocks": blocks, "seed": str(seed), "val": str(val), "test": str(test), "nodes": "100"}


def test_choices():
    joined = cell(page.JOINED, 0, 0.8, 0.7)
    cells = {page.JOINED: joined, "ppr(0, 0)": cell("ppr(0, 0)", 0, 0.99, 0.1)}  # X is no choice
    for val, best in ((0.839, page.JOINED), (0.841, "ppr(0, 2)")):  # the standard error is .04
        cells["ppr(0, 2)"] = cell("ppr(0, 2)", 0, val, 0.9)
        assert page.by_validation(cells) == "ppr(0, 2)" and page.beyond_error(cells) == best


def test_regret_is_paired_by_seed():
    assert page.regret({0: 80.0, 1: 82.0}, {0: 81.0, 1: 84.0, 2: 50.0}) == "1.50 [-4.85, 7.85]"
    assert page.regret({0: 80.0, 1: 82.0}, {0: 81.0, 1: 83.0}) == "1.00"  # each seed the same: no interval
    assert page.regret({0: 80.0}, {0: 81.5}) == "1.50" and page.regret({3: 1.0}, {0: 1.0}) == "–"
    rows = {"a": {0: 90.0}, "b": {0: 80.0, 1: 80.0}, "c": {0: 81.0, 1: 81.0}}
    assert page.best_row(rows) == "c"  # of those with the most seeds


def test_a_training_that_was_stopped_is_named():
    assert page.name_of({"row": "grace", "steps": "7", "epochs": "9"}) == "`grace` (stopped)"
    assert page.name_of({"row": "grace", "steps": "9", "epochs": "9"}) == "`grace`"


def test_raw_cells(few):
    data = sbm(60, num_features=600)
    kinds = [features for features, _ in auto.cells_of(data)]
    assert kinds.count("compact") == 4 and kinds.count("raw") == 3
    assert {features for features, _ in auto.cells_of(sbm(60, num_features=16))} == {"compact"}
    wide = [blocks for features, blocks in auto.cells_of(sbm(20, num_features=4001)) if features == "raw"]
    assert wide == [((0.0, 0),), ((0.0, 2),)]


def test_on_a_public_split_rows_without_training_are_beside_each_training():
    rows = {"X": {0: 0.5}, "A²X": {0: 0.9}, "`ccassg`": {0: 0.7, 1: 0.8}}
    assert page.best_row(rows) == "`ccassg`"
    found = page.with_each_training(rows)
    assert found == rows | {"X": {0: 0.5, 1: 0.5}, "A²X": {0: 0.9, 1: 0.9}} and page.best_row(found) == "A²X"
    assert page.regret(found["`ccassg`"], found["A²X"]).startswith("0.15 [")
