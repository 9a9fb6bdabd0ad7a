"""The recipe for a graph that nobody has seen, from the command to embeddings of another graph."""

import json

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from gnnclr.cli import main
from gnnclr.node import AutoGraph, CompactFeatures, propagated_blocks, sbm
from gnnclr.node.datasets.own_graph import own_graph
from gnnclr.report import report_runs
from gnnclr.train import Comparison, Run, parse_recipe
from gnnclr.train.channels import build_module
from gnnclr.train.embedding import embed_run

SHORT = ["--trainer.accelerator=cpu", "--trainer.max_epochs=2"]
SMALL = ["--data.transform.num_components=12", *(f"--model.method.encoder.{x}_channels=8" for x in ("hidden", "out"))]

pytestmark = pytest.mark.usefixtures("one_probe")


def graph(seed, n=90):
    data = sbm(n, num_classes=3, num_features=24, signal=0.4, seed=seed)
    data.x = (2 * data.x.abs()).round()  # counts
    data.edge_weight = torch.rand(data.num_edges, generator=torch.Generator().manual_seed(seed)) + 0.1
    return data


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("graphs")
    torch.save(graph(0), root / "one.pt")
    torch.save(graph(1, 50), root / "other.pt")
    plain = graph(0)
    del plain["y"], plain["train_mask"], plain["val_mask"], plain["test_mask"]
    torch.save(plain, root / "plain.pt")
    return root


def words(file, *more):
    return [f"--data.dataset={file}", *SHORT, *SMALL, *more]


def test_a_graph_with_labels(files, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["fit", "--config", "auto-graph", f"--out={out}", *words(files / "one.pt")]) == 0
    said = capsys.readouterr().out
    assert "chosen by accuracy on" in said and ": the best of 16 cells, ppr(" in said
    assert "training kept" in said or "training not kept" in said
    result = json.loads((out / "metrics.json").read_text())
    assert list(result["test"]) == ["raw", "A²X", "untrained", "trained"]
    method, _ = Run.open(out).load_method()
    assert isinstance(method, AutoGraph)
    blocks = Run.open(out).recipe.model.method.init_args.encoder.init_args.blocks
    assert tuple(map(tuple, blocks)) == method.encoder.blocks
    # The settings of the run repeat it, and choose nothing anew.
    again = tmp_path / "again"
    assert main(["fit", "--config", str(out / "config.yaml"), f"--out={again}"]) == 0
    assert "the best of 16 cells" not in capsys.readouterr().out
    assert json.loads((again / "metrics.json").read_text())["test"] == result["test"]


def test_another_graph_is_transformed_as_that_of_the_training(files, tmp_path):
    run = Run(parse_recipe("auto-graph", words(files / "one.pt")), tmp_path / "run")
    run.train()
    one, _ = own_graph(torch.load(files / "one.pt", weights_only=False))
    other, _ = own_graph(torch.load(files / "other.pt", weights_only=False))
    transform = CompactFeatures(12)
    transform(one)
    other = transform.apply(other)
    method, _ = run.load_method()
    found = embed_run(tmp_path / "run", graph=files / "other.pt")["z"]
    np.testing.assert_allclose(found, method.embed(other), atol=1e-5)
    if method.kept_form == "features":
        from gnnclr.graph import edges_of

        np.testing.assert_allclose(found, propagated_blocks(other.x, edges_of(other), method.encoder.blocks), atol=1e-5)
    del other["edge_weight"]
    assert not np.allclose(found, method.embed(other), atol=1e-4)  # weights of edges count


def test_a_graph_without_labels(files, tmp_path, capsys):
    settings = words(files / "plain.pt", "--trainer.min_epochs=1")
    result = Run(parse_recipe("auto-graph", settings), tmp_path / "run").fit()
    said = capsys.readouterr().out
    assert "chosen by link AUC of" in said and "nothing is trained: there are no validation labels" in said
    assert not result["test"] and result["geometry"]["untrained"] == result["geometry"]["trained"]
    assert result["steps"] == 0 and result["seconds"] < 5  # of which nothing is trained
    run = Run.open(tmp_path / "run")
    method, _ = run.load_method()
    assert method.kept_form == "features" and run.fit(run.checkpoint)["steps"] == 0
    found = embed_run(tmp_path / "run", graph=files / "plain.pt")["z"]
    assert found.shape == (90, sum(12 for _ in method.encoder.blocks))
    assert report_runs([tmp_path / "run"], tmp_path / "report.html", projection="pca").is_file()


def test_a_graph_without_labels_trains_what_is_kept_without_them(files, tmp_path, capsys):
    result = Run(parse_recipe("ccassg", words(files / "plain.pt")[:3]), tmp_path / "run").fit()
    assert result["steps"] == 2 and "nothing is trained" not in capsys.readouterr().out


class Kill(Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_step == 1:
            trainer.save_checkpoint(trainer.default_root_dir + "/checkpoints/last.ckpt")
            raise RuntimeError("killed")


def test_a_killed_run_goes_on(files, tmp_path, monkeypatch):
    whole = Run(parse_recipe("auto-graph", words(files / "one.pt")), tmp_path / "whole").fit()
    run = Run(parse_recipe("auto-graph", words(files / "one.pt")), tmp_path / "run")
    make = Run._trainer

    def killed(self, *arguments):
        trainer = make(self, *arguments)
        trainer.callbacks.append(Kill())
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_trainer", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run.fit()
    again = Run.open(tmp_path / "run")
    assert again.fit(again.checkpoint)["test"] == whole["test"]
    weights = [torch.load(tmp_path / name / "checkpoints" / "last.ckpt")["state_dict"] for name in ("run", "whole")]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_labels_of_test_nodes_change_no_choice(files, tmp_path):
    data = graph(0)
    test = data.test_mask
    data.y[test] = data.y[test].roll(1)
    torch.save(data, tmp_path / "rolled.pt")
    states = []
    for file in (files / "one.pt", tmp_path / "rolled.pt"):
        run = Run(parse_recipe("auto-graph", words(file)), tmp_path / file.stem)
        run.train()
        states.append(run.load_method()[0].state_dict() | {"blocks": run.load_method()[0].encoder.blocks})
    assert states[0]["blocks"] == states[1]["blocks"] and torch.equal(states[0]["kept"], states[1]["kept"])


def test_a_comparison_takes_it(files, tmp_path):
    overrides = [f"--data.dataset={files / 'one.pt'}", *SHORT, *SMALL[1:]]
    table = Comparison(["auto-graph", "ccassg"], overrides, tmp_path / "out").evaluate(2)
    assert "| auto-graph " in table and "linear − auto-graph" in table


def test_without_data_the_concatenation_is_built():
    recipe = parse_recipe("auto-graph", ["--data.dataset=none.pt"])
    assert len(build_module(recipe, channels=7).method.encoder.blocks) == 3
