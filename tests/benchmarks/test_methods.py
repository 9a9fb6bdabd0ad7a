import csv
import json
import math
import re
import sys

import pytest
import torch
import torch.nn.functional as F
from devices import CUDA
from torch import nn

from benchmarks.common.memory import watch_peak
from benchmarks.graphs import methods as script
from benchmarks.graphs.features import join
from benchmarks.graphs.inputs import BenchmarkGraph, _unlabeled
from benchmarks.graphs.recipes import build_recipe, methods_of_recipes
from benchmarks.graphs.settings import FILE, Settings
from benchmarks.graphs.training import train
from gnnclr.node import sbm
from gnnclr.node.datasets.load import choose_split, load_node_data

TOY = {"x": "raw", "epochs": 2, "lr": 0.1, "weight_decay": 0.0, "optimizer": "adam", "warmup": None, "kind": "plain"}


class Toy(nn.Module):
    """A random linear map, or ``z`` as it is given."""

    def __init__(self, data, z=None):
        super().__init__()
        assert set(data.keys()) - {"num_nodes"} == {"x", "edge_index"}, "training must not see labels or splits"
        self.weight, self.z, self.after = nn.Parameter(torch.randn(data.num_features, 8)), z, 0

    def training_step_loss(self, data):
        return (data.x.to_dense() @ self.weight).square().mean(), {}

    def after_optimizer_step(self):
        self.after += 1

    def embed(self, data):
        return (data.x.to_dense() @ self.weight).detach() if self.z is None else self.z


class Bench:
    """The script on a small graph, with a toy method whose trainings are counted."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.out = folder, folder / "out"
        self.trained = []
        table = json.loads(FILE.read_text())
        table["toy"] = {"default": TOY, "grid": {"kind": ["a", "b", "c"]}, "sources": {"default": "made up"}}
        self.settings = folder / "settings.json"
        self.settings.write_text(json.dumps(table))
        monkeypatch.setitem(script.METHODS, "toy", self.build)
        self.graph = self.save(sbm(120, 3, 32), "graph")

    def build(self, data, settings):
        self.trained.append(Toy(data))
        return self.trained[-1]

    def save(self, data, name):
        path = self.folder / f"{name}.pt"
        torch.save(data.to_dict(), path)
        return str(path)

    def __call__(self, *arguments, methods="toy", datasets=None, baselines="sgc", seeds=2):
        fixed = ["--methods", methods, "--datasets", datasets or self.graph, "--baselines", baselines]
        fixed += ["--out", str(self.out), "--settings", str(self.settings), "--seeds", str(seeds)]
        return script.main([*fixed, *map(str, arguments)])

    def lines(self, name="runs"):
        with (self.out / f"methods_{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def settings_of(self, line):
        (found,) = (settings["settings"] for settings in self.lines("settings") if settings["hash"] == line["hash"])
        return json.loads(found)


@pytest.fixture
def bench(tmp_path, monkeypatch, request):
    if request.function is not test_end_to_end:
        monkeypatch.setattr("benchmarks.pages.methods.plot", lambda *_, **__: None)  # half of the time
    return Bench(tmp_path, monkeypatch)


def test_end_to_end(bench, capsys):
    options = ("--set", "epochs=2", "--extras", "--probe-with-px")
    assert bench(*options, methods="grace", baselines="raw,untrained,sgc,ppr") == 0
    lines = bench.lines()
    rows = [(line["row"], line["seed"]) for line in lines]
    # Features that do not depend on the seed are probed once on a public split.
    assert rows == [
        *(("raw", "0"), ("untrained", "0"), ("untrained", "1"), ("sgc", "0"), ("ppr", "0")),
        *(("grace", "0"), ("grace + PX", "0"), ("grace", "1"), ("grace + PX", "1")),
    ]
    for line in lines:
        assert all(0 <= float(line[key]) <= 1 for key in ("test", "val", "nmi", "sim5"))
        assert (line["seconds"] != "") == line["row"].startswith("grace")
    text = (bench.out / "methods.md").read_text()
    assert text == capsys.readouterr().out
    for part in ("--set epochs=2 --extras", "torch 2.", "threads: ", "| grace + PX ", '"epochs": 2', "by hand"):
        assert part in text
    assert (bench.out / "methods.png").read_bytes()[:4] == b"\x89PNG"


def test_finished_runs_are_not_repeated(bench):
    assert bench() == 0 and len(bench.trained) == 2
    before = (bench.out / "methods_runs.csv").read_bytes()
    assert bench() == 0 and len(bench.trained) == 2 and (bench.out / "methods_runs.csv").read_bytes() == before
    assert bench(seeds=3) == 0 and len(bench.trained) == 3 and len(bench.lines()) == 4
    # Other settings are other runs, and the table shows those of the present settings.
    assert bench("--set", "epochs=3") == 0 and len(bench.trained) == 5
    assert len(bench.lines()) == 6 and "| toy       |     2 |" in (bench.out / "methods.md").read_text()
    # A graph that changed under its name is another graph.
    bench.save(sbm(120, 3, 32, seed=1), "graph")
    assert bench() == 0 and len(bench.trained) == 7


def test_links_are_predicted_by_methods_that_have_not_seen_them(bench, monkeypatch):
    seen = []
    monkeypatch.setitem(script.METHODS, "toy", lambda data, _: seen.append(data) or Toy(data))
    assert bench("--links", baselines="raw") == 0 and bench("--links", baselines="raw") == 0
    lines = bench.lines("links")
    assert [(line["row"], line["seed"]) for line in lines] == [("raw", "0"), ("raw", "1"), ("toy", "0"), ("toy", "1")]
    assert all(0 <= float(line["auc"]) <= 1 and line["score"] in ("cosine", "dot") for line in lines)
    whole = load_node_data(bench.graph).num_edges
    assert len(seen) == 2 and all(0.8 * whole < data.num_edges < 0.9 * whole for data in seen)
    assert not seen[0].edge_index.equal(seen[1].edge_index)
    text = (bench.out / "methods.md").read_text()
    assert "## Link prediction" in text and "average precision" in text and str(bench.out) not in text


def test_a_run_alone_is_the_same_as_one_among_others(bench):
    assert bench() == 0
    path = bench.out / "methods_runs.csv"
    kept = [line for line in path.read_text().splitlines() if ",toy,1," not in line]
    lost = next(line for line in bench.lines() if (line["row"], line["seed"]) == ("toy", "1"))
    path.write_text("\n".join(kept) + "\n")
    assert bench() == 0 and len(bench.trained) == 3
    again = bench.lines()[-1]
    assert {k: again[k] for k in ("row", "seed", "test", "val", "hash")} == {
        k: lost[k] for k in ("row", "seed", "test", "val", "hash")
    }


def test_a_line_that_was_cut_short_is_run_again(bench):
    assert bench() == 0
    path = bench.out / "methods_runs.csv"
    path.write_bytes(path.read_bytes()[:-20])
    assert bench() == 0 and len(bench.trained) == 3
    assert "| toy       |     2 |" in (bench.out / "methods.md").read_text()
    assert bench() == 0 and len(bench.trained) == 3


def test_extras_are_added_to_runs_without_them(bench):
    assert bench() == 0
    assert bench("--extras") == 0 and len(bench.trained) == 4
    assert (
        "NMI" in (bench.out / "methods.md").read_text()
        and "| toy       |     2 |" in (bench.out / "methods.md").read_text()
    )
    assert bench("--extras") == 0 and bench() == 0 and len(bench.trained) == 4


def test_steps_of_the_optimizer(bench):
    assert bench("--set", "epochs=5", seeds=1) == 0
    assert bench.trained[0].after == 5
    torch.manual_seed(0)
    assert not torch.equal(bench.trained[0].weight, torch.randn(32, 8))


def test_runs_with_other_settings_are_shown_apart(bench):
    assert bench("--set", "epochs=1") == bench(seeds=1) == 0
    text = (bench.out / "methods.md").read_text()
    assert re.search(r"\| toy +\| +1 \|", text) and "Other settings" in text
    assert re.search(r'\| toy, \{"epochs": 1\} \| +2 \|', text)


def test_search_chooses_by_validation(bench, monkeypatch):
    data = load_node_data(bench.graph)
    noise = torch.randn(120, 3)

    def knows(*parts):
        mask = sum(data[f"{part}_mask"] for part in parts).bool()
        return torch.where(mask[:, None], F.one_hot(data.y, 3).float(), noise)

    # Only the test would choose "a"; the last of the grid is no better than noise.
    z = {"a": knows("train", "test"), "b": knows("train", "val"), "c": noise}
    monkeypatch.setitem(script.METHODS, "toy", lambda graph, settings: Toy(graph, z[settings["kind"]]))
    assert bench("--search", "--search-seeds", 2) == 0
    lines = bench.lines("search")
    assert len(lines) == 6 and {line["seed"] for line in lines} == {"1000", "1001"}
    assert "test" not in lines[0] and not (bench.out / "methods_runs.csv").exists()
    part = json.loads(bench.settings.read_text())["toy"]
    assert part["searched"][bench.graph] == TOY | {"kind": "b"} and part["default"] == TOY
    assert "seeds 1000 to 1001" in part["sources"][f"searched {bench.graph}"]
    # A second search repeats no run.
    assert bench("--search", "--search-seeds", 2) == 0 and len(bench.lines("search")) == 6
    # The runs use what was chosen, or what was declared.
    monkeypatch.setitem(z, "plain", noise)
    assert bench() == 0 and bench.settings_of(bench.lines()[-1])["kind"] == "b"
    assert "search of 3 settings" in (bench.out / "methods.md").read_text()
    assert bench("--declared") == 0 and bench.settings_of(bench.lines()[-1])["kind"] == "plain"


def test_labels_below_zero_outside_the_masks(bench):
    data = sbm(120, 3, 32)
    data.test_mask[data.test_mask.nonzero()[0]] = False
    data.y[~(data.train_mask | data.val_mask | data.test_mask)] = -1
    assert (data.y < 0).any() and bench(datasets=bench.save(data, "unlabeled")) == 0


def test_a_search_of_methods_leaves_other_rows_alone(bench):
    arguments = ["--methods", "toy", "--datasets", bench.graph, "--search", "--search-seeds", "1"]
    assert script.main([*arguments, "--out", str(bench.out), "--settings", str(bench.settings)]) == 0
    assert {line["row"] for line in bench.lines("search")} == {"toy"}
    assert bench.graph not in json.loads(bench.settings.read_text())["lsa"].get("searched", {})


def test_measures_of_fewer_seeds_say_so(bench):
    assert bench("--extras", baselines="", seeds=1) == 0 and bench(baselines="", seeds=3) == 0
    row = next(line for line in (bench.out / "methods.md").read_text().splitlines() if line.startswith("| toy"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1] == "3" and all(re.fullmatch(r"-?\d+\.\d \(1\)", cell) for cell in cells[4:7])


def test_search_of_a_row_without_training(bench):
    assert bench("--search", "--search-seeds", 1, methods="", baselines="raw,lsa") == 0
    part = json.loads(bench.settings.read_text())["lsa"]
    assert {line["row"] for line in bench.lines("search")} == {"lsa"}
    assert len(bench.lines("search")) == math.prod(map(len, part["grid"].values()))
    assert part["searched"][bench.graph].keys() == part["default"].keys()
    # What it chose is what rows with propagated features join, where the method sees those features.
    options = ("--probe-with-px", "--set", "epochs=1", "--set", "batch_size=32")
    assert bench(*options, methods="decoupled-lsa,decoupled", baselines="lsa", seeds=1) == 0
    joined = {line["row"]: bench.settings_of(line).get("px") for line in bench.lines()}
    assert joined.pop("decoupled-lsa + PX") == part["searched"][bench.graph]
    assert joined.pop("decoupled + PX")["x"] == "raw"
    assert set(joined) == {"lsa", "decoupled-lsa", "decoupled"} and not any(joined.values())
    assert "| decoupled-lsa + PX " in (bench.out / "methods.md").read_text()


def test_random_splits_follow_the_seed(bench):
    data = sbm(120, 3, 32)
    del data.train_mask, data.val_mask, data.test_mask
    path = bench.save(data, "unsplit")
    assert bench(datasets=path, seeds=3) == 0
    sgc = [line for line in bench.lines() if line["row"] == "sgc"]
    assert [line["seed"] for line in sgc] == ["0", "1", "2"] and len({line["test"] for line in sgc}) > 1
    assert not choose_split(data, 0).train_mask.equal(choose_split(data, 1).train_mask)


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--methods", "grace,simsiam", r"--methods must be among grace, .* \(got 'simsiam'\)"),
        ("--datasets", "karate", r"--datasets must be among cora, .* \(got 'karate'\)"),
        ("--datasets", "missing.pt", r"existing files \*\.pt \(got 'missing\.pt'\)"),
        ("--baselines", "gcn", r"--baselines must be among raw, .* \(got 'gcn'\)"),
        ("--set", "epoch=3", r"--set must name a setting of the methods \(got 'epoch'\)"),
        ("--set", "epochs", "must be key=value"),
        ("--seeds", "1001", r"--seeds must be from 1 to 1000 \(got 1001\)"),
    ],
)
def test_unknown_arguments_are_refused(bench, capsys, option, value, message):
    with pytest.raises(SystemExit) as error:
        bench(option, value)
    assert error.value.code == 2 and re.search(message, capsys.readouterr().err)
    assert not bench.out.exists()


def test_search_without_a_grid_is_refused(bench, capsys):
    with pytest.raises(SystemExit) as error:
        bench("--search", methods="", baselines="raw,sgc")
    assert error.value.code == 2 and "--search needs --methods, or --baselines" in capsys.readouterr().err


def broken(kind):
    data = sbm(120, 3, 32)
    if kind == "nan":
        data.x[5, 3] = float("nan")
    elif kind == "one class":
        data.y = torch.zeros_like(data.y)
    elif kind == "overlap":
        data.val_mask = data.val_mask | data.train_mask
    elif kind == "no labels":
        del data.y
    elif kind == "a column":
        data.y = data.y.view(-1, 1)
    elif kind == "a label below zero":
        data.y[data.train_mask.nonzero()[0]] = -1
    return data


@pytest.mark.parametrize(
    "kind, message",
    [
        ("nan", r"'data.x' must be finite (got 1 NaN"),
        ("one class", "'data.y' must hold at least two classes (got 1)"),
        ("overlap", "'train' and 'val' must be disjoint (got 15 shared rows)"),
        ("no labels", "'data.y' must hold an integer label for each node, of shape [n] (got NoneType None)"),
        ("a column", "for each node, of shape [n] (got tensor of shape [120, 1]"),
        ("a label below zero", "'data.y' must not be negative but for nodes outside all masks (got -1)"),
    ],
)
def test_a_broken_graph_fails_and_the_next_one_runs(bench, capsys, kind, message):
    bad = bench.save(broken(kind), "bad")
    assert bench(datasets=f"{bad},{bench.graph}") == 1
    assert f"failed: {bad}" in (error := capsys.readouterr().err) and message in error
    assert {line["dataset"] for line in bench.lines()} == {bench.graph} and len(bench.trained) == 2


def test_a_method_that_fails_is_noted_and_tried_again(bench, monkeypatch, capsys):
    def build(data, settings):
        method = bench.build(data, settings)
        method.weight.data.fill_(float("nan"))
        return method

    monkeypatch.setitem(script.METHODS, "toy", build)
    assert bench("--set", "epochs=1", methods="toy,grace", baselines="") == 1
    assert "FloatingPointError: the loss of epoch 0 is nan" in capsys.readouterr().err
    assert {line["row"] for line in bench.lines()} == {"grace"}
    monkeypatch.setitem(script.METHODS, "toy", bench.build)
    assert bench("--set", "epochs=1", methods="toy,grace", baselines="") == 0
    assert {line["row"] for line in bench.lines()} == {"grace", "toy"}


def test_another_table_is_not_overwritten(bench):
    bench.out.mkdir()
    (bench.out / "methods_runs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="choose another --out"):
        bench()


def test_joined_blocks_weigh_the_same():
    z, px = torch.randn(50, 4) * 100 + 7, torch.randn(50, 9).abs()
    z[:, 2] = 3.0  # a constant column carries nothing
    x = join(z, px)
    assert x.shape == (50, 13) and x[:, 2].abs().max() == 0
    assert x[:, :4].square().sum(dim=1).mean().item() == pytest.approx(1.0, rel=1e-5)
    torch.testing.assert_close(x[:, 4:].norm(dim=1), torch.ones(50))
    torch.testing.assert_close(x[:, 4:], F.normalize(px - px.mean(dim=0), dim=1))


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_peak_memory():
    peak = watch_peak(torch.device("cpu"))
    x = torch.ones(64 * 2**20 // 4)
    del x
    first = peak()
    assert 55 < first < 120
    peak = watch_peak(torch.device("cpu"))  # the high-water mark starts anew
    assert peak() < 20


def test_features_as_settings_want_them(bench):
    graph = BenchmarkGraph(bench.graph, "", torch.device("cpu"))
    assert graph.data("l2") is graph.data("l2") and "y" not in graph.data() and not graph.splits_vary
    some = graph.data().x.to_dense().any(dim=1).float()  # some nodes have no word
    torch.testing.assert_close(graph.data("l1").x.to_dense().sum(dim=1), some)
    torch.testing.assert_close(graph.data("l2").x.to_dense().norm(dim=1), some)
    torch.testing.assert_close(graph.data("standardize").x.std(dim=0, correction=0), torch.ones(32))
    torch.testing.assert_close(graph.data("tfidf").x.to_dense().norm(dim=1), some)
    lsa = graph.data("lsa").x  # has as many directions as there are words, so similarities stay
    torch.testing.assert_close(lsa @ lsa.t(), (words := graph.data("tfidf").x.to_dense()) @ words.t())
    with pytest.raises(ValueError, match=r"'x' must be one of raw, l1, l2, standardize, tfidf, lsa \(got 'max'\)"):
        graph.data("max")


def test_settings_of_all_methods_are_there_and_without_typing_errors():
    table = json.loads(FILE.read_text())
    of_recipes = {name for name, build in script.METHODS.items() if build is build_recipe}
    assert set(table) == set(script.METHODS) - of_recipes | set(script.BASELINES)
    for name, part in table.items():
        known = set(part["default"])
        assert set(part) <= {"default", "declared", "searched", "grid", "sources"}
        for settings in (*part.get("declared", {}).values(), *part.get("searched", {}).values(), part.get("grid", {})):
            assert set(settings) <= known, name
        assert {"default", *part.get("declared", {})} <= set(part["sources"])
        assert name in script.BASELINES or {"x", "epochs", "lr", "weight_decay", "optimizer", "warmup"} <= known


def test_a_method_without_settings_has_those_of_its_recipe(tmp_path):
    """Which are those of the file, where a method has both."""
    table = json.loads(FILE.read_text())
    (tmp_path / "empty.json").write_text("{}")
    settings = Settings(tmp_path / "empty.json")
    for name, dataset in (("dgi", "cora"), ("bgrl", "photo"), ("sugrl", "cora")):
        found, known = settings.chosen(name, dataset), Settings(FILE).chosen(name, dataset)
        assert {key: known[key] for key in found.keys() - {"recipe"}} == {
            key: value for key, value in found.items() if key != "recipe"
        }
        assert settings.source(name, dataset) == f"the recipe {name}-{dataset}" and not settings.has_grid(name)
    assert set(methods_of_recipes()) <= set(script.METHODS) and "raw" not in methods_of_recipes() and "dgi" in table
    for dataset in ("cora", "photo"):  # of which the recipe knows one
        chosen = settings.chosen("dgi", dataset) | {"epochs": 1}
        run = train(build_recipe, _unlabeled(sbm(60, 3, 32)), chosen, seed=0)
        assert run.z.shape == (60, 512) and run.z.isfinite().all()
    with pytest.raises(ValueError, match="must have settings for 'none'"):
        settings.chosen("none", "cora")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=CUDA)])
def test_all_methods_train(device):
    data, failed = _unlabeled(sbm(60, 3, 32)).to(device), {}
    for name, build in script.METHODS.items():
        settings = Settings(FILE).chosen(name, "cora") | {"epochs": 1}
        small = {"hidden": 16, "out": 16, "batch_size": 32, "num_clusters": 5} | (
            {"projector": [16, 16]} if settings.get("projector") else {}
        )
        settings |= {key: value for key, value in small.items() if key in settings}
        try:
            run = train(build, data, settings, seed=0)
            assert run.z.shape[0] == 60 and run.z.isfinite().all() and not run.z.requires_grad
            again = train(build, data, settings, seed=0)
            assert device == "cuda" or torch.equal(run.z, again.z)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
    assert not failed
