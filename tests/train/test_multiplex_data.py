"""Multiplex graphs as data: one batch, their own scores and baselines."""

import json
import math
import os

import numpy as np
import pytest
import torch
from torch import nn

from gnnclr.eval import Split
from gnnclr.node import GCNEncoder, MultiplexContrast, SparseFeatures, multiplex_scores, propagate_features, sbm
from gnnclr.train import MultiplexNodeData, Run, parse_recipe, read_metrics

NAMES = ["multiplex-acm", "multiplex-gcool-acm"]
SCORES = ["Micro-F1", "Macro-F1", "NMI", "ARI", "Sim@5"]
#: What the recipes say of the width of features, and a small graph has not.
WIDTH = 1902


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a small graph in place of ACM."""
    folder = tmp_path_factory.mktemp("multiplex")
    one, other = (sbm(90, 3, WIDTH, seed=seed) for seed in (0, 1))
    x = SparseFeatures(max_density=1.0)(one.clone()).x
    parts = {name: getattr(one, f"{name}_mask").nonzero().view(-1).numpy() for name in ("train", "val", "test")}
    np.savez(
        folder / "acm.npz",
        attr_data=x.values().numpy(),
        attr_indices=x.col_indices().numpy(),
        attr_indptr=x.crow_indices().numpy(),
        attr_shape=np.array(x.shape),
        labels=one.y.numpy(),
        pap=one.edge_index.numpy(),
        psp=other.edge_index.numpy(),
        **{f"{name}_{count}": nodes for name, nodes in parts.items() for count in (20, 40)},
    )
    return folder


@pytest.fixture
def data(root):
    data = MultiplexNodeData("acm", str(root))
    data.setup("fit")
    return data


def small(root, epochs=3):
    return [f"--data.root={root}", f"--trainer.max_epochs={epochs}", "--trainer.accelerator=cpu"]


def test_the_graph_is_the_batch(data):
    (graph,) = list(data.batches())
    assert graph is data.graph and graph.relations == ("pap", "psp") and len(data.batches()) == 1
    assert data.in_channels == WIDTH and len(data.labels) == 90


def test_baselines_join_the_relations(data):
    baselines = {name: make() for name, make in data.baselines().items()}
    assert list(baselines) == ["raw", "A²X"] and baselines["raw"].shape == (90, WIDTH)
    views = [propagate_features(data.graph.x, data.graph[f"edge_index_{name}"]) for name in ("pap", "psp")]
    assert torch.equal(baselines["A²X"], torch.cat(views, dim=1))


def test_scores_are_those_of_multiplex_scores(data):
    method = MultiplexContrast([GCNEncoder(WIDTH, 8, 8, 1), GCNEncoder(WIDTH, 8, 8, 1)])
    found = data.evaluate({"untrained": method})
    assert list(found) == ["raw", "A²X", "untrained"] and all(list(row) == SCORES for row in found.values())
    expected = multiplex_scores(method.embed(data.graph), data.graph.y, Split.from_masks(data.graph))
    row = found["untrained"]
    values = (expected.micro_f1, expected.macro_f1, expected.nmi, expected.ari, expected.sim5)
    assert [score.test for score in row.values()] == list(values)
    assert row["Micro-F1"].val == expected.val_micro_f1 and math.isnan(row["NMI"].val)


def test_encoders_of_another_width_are_refused(data):
    data.check(MultiplexContrast(GCNEncoder(WIDTH, 8, 8)))
    data.check(MultiplexContrast([nn.Identity(), GCNEncoder(WIDTH, 8, 8)]))
    for encoder in (GCNEncoder(7, 8, 8), [GCNEncoder(WIDTH, 8, 8), GCNEncoder(7, 8, 8)]):
        with pytest.raises(ValueError, match=rf"in_channels' must be the {WIDTH} channels of the data \(got 7\)"):
            data.check(MultiplexContrast(encoder))


def test_transform_and_errors(root):
    seen = []
    data = MultiplexNodeData("acm", str(root), labels_per_class=40, transform=lambda graph: seen.append(graph) or graph)
    data.setup("fit")
    data.setup("evaluate")
    assert len(seen) == 1
    with pytest.raises(ValueError, match=r"'data\.root' must be the folder with the files of 'acm'"):
        MultiplexNodeData("acm")


@pytest.mark.parametrize("name", NAMES)
def test_recipe_trains_and_resumes(name, root, tmp_path):
    whole = Run(parse_recipe(name, [*small(root), "--trainer.log_every_n_steps=1"]), tmp_path / "whole")
    result = whole.fit()
    assert result["steps"] == 3 and list(result["test"]) == ["raw", "A²X", "untrained", "trained"]
    assert all(list(row) == SCORES for row in result["test"].values())
    assert json.loads((whole.folder / "metrics.json").read_text())["test"] == result["test"]
    loss = [row["loss"] for row in read_metrics(whole.folder / "metrics.csv")]
    assert len(loss) == 3 and all(map(math.isfinite, loss))
    Run(parse_recipe(name, small(root, 2)), tmp_path / "stopped").fit()
    resumed = Run.open(tmp_path / "stopped", ["--trainer.max_epochs=3"])
    assert resumed.fit(resumed.checkpoint)["test"] == result["test"]
    a, b = (torch.load(run.checkpoint, weights_only=True)["state_dict"] for run in (whole, resumed))
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_recipe_fits_the_real_graph(name, tmp_path):
    built = Run(parse_recipe(name, [f"--data.root={os.environ['GNNCLR_DATA']}"]), tmp_path).build()
    built.data.setup("fit")
    built.data.check(built.model.method)
    assert built.data.graph.num_nodes == 4019 and len(built.data.split.train) == 60
