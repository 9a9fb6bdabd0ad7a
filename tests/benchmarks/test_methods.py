import csv
import json
import re
import shlex
import shutil
import sys
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from devices import CUDA
from probes import make_quick
from torch import nn

from benchmarks.common.memory import watch_peak
from benchmarks.common.recipes import Settings
from benchmarks.graphs import evaluation
from benchmarks.graphs import methods as script
from benchmarks.graphs.features import BASELINES, GRIDS, SEARCHED, SETTINGS, join
from benchmarks.graphs.inputs import FEATURES, BenchmarkGraph, _unlabeled
from benchmarks.graphs.recipes import CHOOSING, METHODS, settings_of, transform_of
from benchmarks.graphs.rows import LOOP, RUN, Row
from benchmarks.pages.methods import PUBLISHED, compare_command, mostly_there
from gnnclr.cli import _parser
from gnnclr.configs.layers import names
from gnnclr.eval import linear_probe
from gnnclr.node import NodeMethod, UnitFeatures, sbm
from gnnclr.node.datasets.load import choose_split, load_node_data
from gnnclr.processes import STOPPED
from gnnclr.train import Comparison
from gnnclr.train.interrupt import ResumableInterrupt

TOY = """
data: {class_path: gnnclr.train.NodeData}
model:
  method: {class_path: CLASS, init_args: {kind: plain}}
  optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.1}}
  final_lr: 1.0
trainer: {max_epochs: 2}
"""


class Toy(NodeMethod):
    """A random linear map, or embeddings by ``kind``, whose trainings are counted."""

    trained, embeddings, broken = [], {}, False

    def __init__(self, in_channels: int, kind: str):
        nn.Module.__init__(self)
        self.weight, self.kind, self.after = nn.Parameter(torch.randn(in_channels, 8)), kind, 0
        self.trained.append(self)
        if self.broken:
            self.weight.data.fill_(float("nan"))

    def training_step_loss(self, data):
        assert set(data.keys()) - {"num_nodes"} == {"x", "edge_index"}, "training must not see labels or splits"
        self.seen = data
        return (data.x.to_dense() @ self.weight).square().mean(), {}

    def after_optimizer_step(self):
        self.after += 1

    def embed(self, data):
        return self.embeddings.get(self.kind, (data.x.to_dense() @ self.weight).detach())


class Bench:
    """The script on a small graph, with a toy method that is a YAML file."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.out = folder, folder / "out"
        for name, value in (("trained", []), ("embeddings", {}), ("broken", False)):
            monkeypatch.setattr(Toy, name, value)
        self.trained = Toy.trained
        self.toy = folder / "toy.yaml"
        self.toy.write_text(TOY.replace("CLASS", f"{Toy.__module__}.Toy"))
        self.graph = self.save(sbm(120, 3, 32), "graph")

    def save(self, data, name):
        path = self.folder / f"{name}.pt"
        torch.save(data.to_dict(), path)
        return str(path)

    def __call__(self, *arguments, methods="toy", datasets=None, baselines="sgc", seeds=2):
        methods = ",".join(str(self.toy) if name == "toy" else name for name in methods.split(","))
        fixed = ["--methods", methods, "--datasets", datasets or self.graph, "--baselines", baselines]
        fixed += ["--out", str(self.out), "--work", str(self.folder / "work"), "--seeds", str(seeds)]
        return script.main([*fixed, *map(str, arguments)])

    def lines(self, name="runs"):
        with (self.out / f"methods_{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def settings_of(self, line):
        (found,) = (settings["settings"] for settings in self.lines("settings") if settings["hash"] == line["hash"])
        return json.loads(found)


@pytest.fixture
def bench(tmp_path, monkeypatch, request):
    if request.function is not test_end_to_end:  # plots and the choice of the probe take most of the time
        monkeypatch.setattr("benchmarks.pages.methods.plot", lambda *_, **__: None)
        monkeypatch.setattr(evaluation, "linear_probe", partial(linear_probe, scalings=["none"], C=[1.0]))
    return Bench(tmp_path, monkeypatch)


def test_end_to_end(bench, capsys):
    options = ("--trainer.max_epochs=2", "--extras", "--probe-with-px")
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
        is_grace = line["row"].startswith("grace")
        assert (line["seconds"] != "") == (line["recipe"] == "grace") == is_grace
        assert line["overrides"] == ("--trainer.max_epochs=2" if is_grace else "")
    text = (bench.out / "methods.md").read_text()
    assert capsys.readouterr().out.endswith(text)
    said = "- grace: `grace` with `--trainer.max_epochs=2`"
    for part in ("--trainer.max_epochs=2 --extras", "torch 2.", "threads: ", "| grace + PX ", said):
        assert part in text
    assert (bench.out / "methods.png").read_bytes()[:4] == b"\x89PNG"


def test_finished_runs_are_not_repeated(bench):
    assert bench() == 0 and len(bench.trained) == 2
    before = (bench.out / "methods_runs.csv").read_bytes()
    assert bench() == 0 and len(bench.trained) == 2 and (bench.out / "methods_runs.csv").read_bytes() == before
    assert bench(seeds=3) == 0 and len(bench.trained) == 3 and len(bench.lines()) == 4
    # Other settings are other runs, and the table shows those of the present settings.
    assert bench("--trainer.max_epochs=3") == 0 and len(bench.trained) == 5
    assert len(bench.lines()) == 6 and "| toy       |     2 |" in (bench.out / "methods.md").read_text()
    # A graph that changed under its name is another graph.
    bench.save(sbm(120, 3, 32, seed=1), "graph")
    assert bench() == 0 and len(bench.trained) == 7


def test_a_row_is_what_compare_prints(bench, monkeypatch):
    """Seed by seed and to the digit, where features are transformed and the schedule has an end, too."""
    make_quick(monkeypatch)  # the same probe as that of the fixture
    overrides = ["--trainer.max_epochs=3", "--trainer.accelerator=cpu", "--model.final_lr=0.0"]
    overrides += ["--data.transform=torch_geometric.transforms.NormalizeFeatures"]
    assert bench(*overrides, methods="ccassg,dgi", baselines="") == 0
    compare = Comparison(["ccassg", "dgi"], [f"--data.dataset={bench.graph}", *overrides], bench.folder / "compared")
    compare.evaluate(2)
    with (bench.folder / "compared" / "comparison.csv").open(newline="") as file:
        theirs = [line for line in csv.DictReader(file) if (line["row"], line["probe"]) == ("trained", "linear")]
    wanted = {(line["config"], line["seed"]): [float(line[key]) for key in ("test", "validation")] for line in theirs}
    found = {(line["row"], line["seed"]): [float(line[key]) for key in ("test", "val")] for line in bench.lines()}
    assert found.keys() == wanted.keys() and len(found) == 4 and len({test for test, _ in found.values()}) > 1
    assert all(found[key] == pytest.approx(wanted[key], abs=1e-6) for key in found)
    assert {line["training"] for line in bench.lines()} == {RUN}


def test_rows_of_the_plain_loop_are_trained_anew(bench):
    assert bench(seeds=3) == 0
    path = bench.out / "methods_runs.csv"
    path.write_text(path.read_text().replace(f",{RUN},", f",{LOOP},"))
    assert bench(baselines="raw", methods="", seeds=1) == 0
    text = (bench.out / "methods.md").read_text()
    assert "Numbers with a *, of rows that are trained by `loop`" in text and "Trained both ways" not in text
    assert re.search(r"\| toy +\| +3 \|", text)
    assert bench(seeds=1) == 0 and len(bench.trained) == 4
    text = (bench.out / "methods.md").read_text()
    assert re.search(r"\| toy +\| +1 \|", text) and "Numbers with a *" not in text
    assert re.search(r"Trained both ways\n(.*\n)+\| \S+ toy \| +\d+\.\d \(1\) \| \d+\.\d ± \d+\.\d \(3\) \|", text)


def test_a_run_that_was_killed_goes_on(bench, monkeypatch):
    step = ResumableInterrupt.on_train_batch_end

    def stop(interrupt, trainer, *args):
        interrupt.requested = trainer.global_step == 1
        step(interrupt, trainer, *args)

    with monkeypatch.context() as patch:
        patch.setattr(ResumableInterrupt, "on_train_batch_end", stop)
        assert bench(seeds=1) == STOPPED and not any(line["row"] == "toy" for line in bench.lines())
    assert bench(seeds=1) == 0 and bench.trained[-1].after == 1  # of two steps
    killed = bench.lines()[-1]
    shutil.rmtree(bench.out)
    assert bench(seeds=1) == 0 and bench.trained[-1].after == 2
    assert [bench.lines()[-1][key] for key in ("test", "val")] == [killed[key] for key in ("test", "val")]


def test_links_are_predicted_by_methods_that_have_not_seen_them(bench):
    assert bench("--links", baselines="raw") == 0 and bench("--links", baselines="raw") == 0
    lines = bench.lines("links")
    assert [(line["row"], line["seed"]) for line in lines] == [("raw", "0"), ("raw", "1"), ("toy", "0"), ("toy", "1")]
    assert all(0 <= float(line["auc"]) <= 1 and line["score"] in ("cosine", "dot") for line in lines)
    whole, seen = load_node_data(bench.graph).num_edges, [method.seen for method in bench.trained]
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
    assert bench("--trainer.max_epochs=5", seeds=1) == 0
    assert bench.trained[0].after == 5
    torch.manual_seed(0)
    assert not torch.equal(bench.trained[0].weight, torch.randn(32, 8))


def test_runs_with_other_settings_are_shown_apart(bench):
    assert bench("--trainer.max_epochs=1") == bench(seeds=1) == 0
    text = (bench.out / "methods.md").read_text()
    assert re.search(r"\| toy +\| +1 \|", text) and "Other settings" in text
    assert re.search(r"\| toy, other 1 \| +2 \|", text) and "- toy, other 1: `--trainer.max_epochs=1`" in text


def test_a_recipe_that_changed_is_another(bench):
    assert bench(seeds=1) == 0
    bench.toy.write_text(bench.toy.read_text().replace("lr: 0.1", "lr: 0.2"))
    assert bench(seeds=1) == 0 and len(bench.trained) == 2
    lines, text = bench.lines(), (bench.out / "methods.md").read_text()
    assert f"- toy, other 1: the recipe of {lines[1]['date']}" in text
    said = {line["hash"]: json.loads(line["settings"]) for line in bench.lines("settings")}
    rates = [said[line["hash"]]["recipe"]["model"]["optimizer"]["init_args"]["lr"] for line in lines if line["recipe"]]
    assert rates == [0.1, 0.2]


def test_search_chooses_by_validation(bench, capsys):
    data = load_node_data(bench.graph)
    noise = torch.randn(120, 3)

    def knows(*parts):
        mask = sum(data[f"{part}_mask"] for part in parts).bool()
        return torch.where(mask[:, None], F.one_hot(data.y, 3).float(), noise)

    # Only the test would choose "a"; the last of the grid is no better than noise.
    Toy.embeddings |= {"a": knows("train", "test"), "b": knows("train", "val"), "c": noise}
    grid = ("--search", "--search-seeds", 2, "--grid", 'model.method.kind=["a","b","c"]')
    assert bench(*grid) == 0
    lines = bench.lines("search")
    toys = [line for line in lines if line["row"] == "toy"]
    assert len(toys) == len(lines) == 6 and {line["seed"] for line in lines} == {"1000", "1001"}
    assert "test" not in lines[0] and not (bench.out / "methods_runs.csv").exists()
    assert "the best of 3 by validation is --model.method.kind=b" in capsys.readouterr().out
    # A second search repeats no run.
    assert bench(*grid) == 0 and len(bench.lines("search")) == 6


def test_labels_below_zero_outside_the_masks(bench):
    data = sbm(120, 3, 32)
    data.test_mask[data.test_mask.nonzero()[0]] = False
    data.y[~(data.train_mask | data.val_mask | data.test_mask)] = -1
    assert (data.y < 0).any() and bench(datasets=bench.save(data, "unlabeled")) == 0


def test_measures_of_fewer_seeds_say_so(bench):
    assert bench("--extras", baselines="", seeds=1) == 0 and bench(baselines="", seeds=3) == 0
    row = next(line for line in (bench.out / "methods.md").read_text().splitlines() if line.startswith("| toy"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1] == "3" and all(re.fullmatch(r"-?\d+\.\d \(1\)", cell) for cell in cells[4:7])


def test_search_of_a_row_without_training(bench, capsys):
    assert bench("--search", "--search-seeds", 1, methods="", baselines="raw,lsa") == 0
    assert {line["row"] for line in bench.lines("search")} == {"lsa"} and len(bench.lines("search")) == 15
    assert "lsa: the best of 15 by validation is {" in capsys.readouterr().out


def test_rows_join_what_the_method_sees(bench):
    options = ("--probe-with-px", "--trainer.max_epochs=1", "--model.method.batch_size=32")
    assert bench(*options, methods="decoupled-lsa,decoupled", baselines="lsa", seeds=1) == 0
    joined = {line["row"]: bench.settings_of(line).get("px") for line in bench.lines()}
    assert joined == {
        **dict.fromkeys(("lsa", "decoupled-lsa", "decoupled")),
        "decoupled-lsa + PX": SETTINGS["lsa"],
        "decoupled + PX": SETTINGS["ppr"],
    }
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
        ("--trainer.max_epoch=3", None, r"unknown option .*; did you mean '--trainer.max_epochs'"),
        ("--epochs=3", None, r"unknown option '--epochs=3'; overrides of a recipe are like --trainer.max_epochs=20"),
        ("--grid", "trainer.max_epochs=3", r"must be FIELD=\[A,B\] \(got 'trainer.max_epochs=3'\)"),
        ("--seeds", "1001", r"--seeds must be from 1 to 1000 \(got 1001\)"),
    ],
)
def test_unknown_arguments_are_refused(bench, capsys, option, value, message):
    with pytest.raises(SystemExit) as error:
        bench(*(text for text in (option, value) if text is not None))
    assert error.value.code == 2 and re.search(message, capsys.readouterr().err)
    assert not bench.out.exists()


def test_search_without_a_grid_is_refused(bench, capsys):
    with pytest.raises(SystemExit) as error:
        bench("--search", methods="", baselines="raw,sgc")
    assert error.value.code == 2 and "--search needs --methods and a --grid, or --b" in capsys.readouterr().err


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
        ("a label below zero", "'data.y' must not be negative but for nodes outside all masks (got -1)"),
    ],
)
def test_a_broken_graph_fails_and_the_next_one_runs(bench, capsys, kind, message):
    bad = bench.save(broken(kind), "bad")
    assert bench(datasets=f"{bad},{bench.graph}") == 1
    assert f"failed: {bad}" in (error := capsys.readouterr().err) and message in error
    assert {line["dataset"] for line in bench.lines()} == {bench.graph} and len(bench.trained) == 2


def test_a_method_that_fails_is_noted_and_tried_again(bench, monkeypatch, capsys):
    monkeypatch.setattr(Toy, "broken", True)
    assert bench("--trainer.max_epochs=1", methods="toy,grace", baselines="") == 1
    assert "ValueError: the loss must stay finite (got nan at step 0)" in capsys.readouterr().err
    assert {line["row"] for line in bench.lines()} == {"grace"}
    monkeypatch.setattr(Toy, "broken", False)
    assert bench("--trainer.max_epochs=1", methods="toy,grace", baselines="") == 0
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


def test_features_as_recipes_want_them(bench):
    graph = BenchmarkGraph(bench.graph, "", torch.device("cpu"))
    unit = graph.data(UnitFeatures())
    assert graph.data(UnitFeatures()) is unit and "y" not in graph.data() and not graph.splits_vary
    some = graph.data().x.to_dense().any(dim=1).float()  # some nodes have no word
    torch.testing.assert_close(unit.x.to_dense().norm(dim=1), some)
    lsa = graph.data(FEATURES["lsa"]).x  # has as many directions as there are words, so similarities stay
    words = graph.data(FEATURES["lsa"].transforms[0]).x.to_dense()
    torch.testing.assert_close(lsa @ lsa.t(), words @ words.t())
    torch.testing.assert_close(words.norm(dim=1), some)


def test_settings_are_those_of_the_recipe_for_the_data():
    assert settings_of("dgi", "citeseer") == Settings("dgi-citeseer") and settings_of("dgi", "citeseer").epochs == 400
    assert settings_of("dgi", "mine.pt").epochs == 300 and settings_of("mine.yaml", "cora").recipe == "mine.yaml"
    # Of a name that recipes for images have as well, those for graphs are meant.
    assert settings_of("vicreg", "mine.pt").recipe == "graphs/vicreg"
    assert set(names("graphs", "methods")) - set(METHODS) == set(CHOOSING) and set(PUBLISHED) <= set(METHODS)
    changed = settings_of("dgi", "cora", ["--trainer.max_epochs=7"])
    assert changed.epochs == 7 and changed == Settings.read(changed.columns)
    assert changed.hash != settings_of("dgi", "cora").hash == Settings("dgi-cora").hash
    with pytest.raises(ValueError, match="grace-communities-arxiv trains on batches"):
        transform_of(settings_of("grace-communities", "arxiv"))


def test_methods_and_data_sets_with_few_numbers_are_not_in_the_table_of_all():
    everywhere = dict.fromkeys(("cora", "citeseer", "photo"), "80.0")
    cells = {"raw": {"cora": "60.4"}, "grace": everywhere, "bgrl": everywhere | {"cs": "92.0"}}
    cells |= {"gca": {"photo": "92.3", "cs": "92.5"}}
    assert mostly_there(cells, ["cora", "citeseer", "photo", "cs"]) == (["raw", "grace", "bgrl"], [*everywhere])
    assert mostly_there({"raw": {"cora": "60.4"}}, ["cora", "cs"]) == (["raw"], ["cora", "cs"])


def test_the_command_of_a_table_is_one():
    line = {"seed": "0"}
    rows = {"raw": [line], "grace + PX": [line] * 9, "ccassg": [line] * 3, "grace": [line] * 2, "own": [line] * 20}
    command = compare_command("cora", rows, ["--model.method.loss.temperature=[0.1, 0.2]"])
    assert command == (
        "gnnclr compare --configs=grace,ccassg --data.dataset=cora --data.root=DATA "
        "'--model.method.loss.temperature=[0.1, 0.2]' --seeds=3"
    )
    options, rest = _parser()[0].parse_known_args(shlex.split(command)[1:])
    assert options.configs == "grace,ccassg" and options.seeds == 3 and len(rest) == 3


def test_rows_without_training_have_settings():
    assert set(SETTINGS) == set(BASELINES) and {*SEARCHED, *GRIDS} <= set(BASELINES)
    for name, found in SEARCHED.items():
        assert all(a in GRIDS[name]["alpha"] and h in GRIDS[name]["hops"] for a, h in found.values())


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=CUDA)])
@pytest.mark.parametrize("name", [name for name in METHODS if not name.endswith(("lsa", "communities"))])
def test_all_methods_train(name, device, tmp_path):
    data = _unlabeled(sbm(60, 3, 32)).to(device)
    row = Row(name, "cora", ["--trainer.max_epochs=1"])
    (z, cost), (again, _) = (row.embed(data, 0, tmp_path) for _ in range(2))
    assert z.shape[0] == 60 and z.isfinite().all() and not z.requires_grad and cost["seconds"] > 0
    assert device == "cuda" or torch.equal(z, again)
    assert not any(tmp_path.iterdir())
