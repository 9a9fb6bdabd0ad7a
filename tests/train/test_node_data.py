"""Batches of a graph: subgraphs by a loader, resumable, with probes on the whole graph."""

from functools import partial
from itertools import chain
from types import SimpleNamespace

import pytest
import torch
from torch_geometric.data import HeteroData

from gnnclr.graph.communities import EdgeCommunities
from gnnclr.node import (
    BGRL,
    GGD,
    GRACE,
    Checkpointed,
    CommunityLoader,
    GCNEncoder,
    MLPEncoder,
    PyGEncoder,
    RandomNodeLoader,
    layer_wise_embed,
    propagate_features,
    sbm,
)
from gnnclr.train import NodeData, Run, parse_recipe

RANDOM = partial(RandomNodeLoader, batch_size=100)
LOADERS = {"random": RANDOM, "communities": partial(CommunityLoader, community=EdgeCommunities(), batch_size=100)}


def made(**kwargs):
    data = NodeData("sbm", size=250, **kwargs)
    data.setup("fit")
    return data


def rows(batches):
    return [batch.n_id.tolist() for batch in batches]


@pytest.mark.parametrize("name", LOADERS)
def test_batches_are_subgraphs_by_the_seed(name):
    data = made(loader=LOADERS[name])
    batches = data.batches()
    assert len(batches) == 3
    first = rows(batches)
    assert sorted(chain(*first)) == list(range(250)) and first != rows(batches)
    assert rows(made(loader=LOADERS[name]).batches()) == first
    assert rows(made(loader=LOADERS[name], seed=1).batches()) != first


def test_processes_are_passed_on():
    seen = []
    for rank in range(2):
        data = made(loader=RANDOM, seed=3)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        seen += rows(data.batches())
    assert sorted(chain(*seen)) == list(range(250)) and len(seen) == 4
    assert rows(RandomNodeLoader(data.graph, 100, seed=3, rank=1, world_size=2)) == seen[2:]


@pytest.mark.parametrize("name", LOADERS)
def test_position_in_the_batches_is_restored(name):
    data, resumed = made(loader=LOADERS[name]), made(loader=LOADERS[name])
    batches = data.train_dataloader()
    list(batches), next(iterator := iter(batches))
    resumed.load_state_dict(data.state_dict())
    assert rows(resumed.train_dataloader()) == rows(iterator)


@pytest.mark.parametrize(
    ("make", "by_layers"),
    [
        (lambda: BGRL(GCNEncoder(512, 8, 4, norm="batch_norm")), True),
        (lambda: GRACE(Checkpointed(PyGEncoder("gat", 512, 8, 4, dropout=0.5))), True),
        (lambda: GRACE(MLPEncoder(512, 8, 4)), False),
        (lambda: GRACE(PyGEncoder("gin", 512, 8, 4, norm="layer_norm")), False),
        (lambda: GGD(GCNEncoder(512, 8, 4)), False),
    ],
)
def test_embeddings_are_of_the_whole_graph(make, by_layers, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "gnnclr.train.node_data.layer_wise_embed", lambda *args: asked.append(args) or layer_wise_embed(*args)
    )
    torch.manual_seed(0)
    method, data = make(), made(loader=RANDOM)
    z = data.embed(method)
    assert torch.allclose(z, made().embed(method), atol=1e-5) and bool(asked) == by_layers
    assert method.training and z.shape == (250, 4)


def test_generated_graphs():
    small, large = NodeData("sbm", size=120), NodeData("sparse_sbm", size=2400, probed=7)
    for data in (small, large):
        data.setup("fit")
    assert small.graph.num_nodes == 120 and large.graph.num_nodes == 2400 and large.in_channels == 128
    assert large.graph.num_edges / 2400 == pytest.approx(2 * 1_166_243 / 169_343, rel=1e-3)
    assert [len(part) for part in (large.split.train, large.split.val, large.split.test)] == [7, 7, 7]
    assert large.graph.train_mask[large.split.train].all() and large.graph.test_mask[large.split.test].all()


def test_probed_nodes_are_the_same_for_all_seeds():
    one, other, whole = made(probed=40), made(probed=40, seed=1), made()
    assert torch.equal(one.split.test, other.split.test) and torch.equal(one.split.train, whole.split.train)
    assert set(one.split.test.tolist()) < set(whole.split.test.tolist())


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"dataset": "arxiv"}, r"'data\.root' must be the folder with the files of 'arxiv'"),
        ({"dataset": "cora", "root": "x", "size": 3}, r"'data\.dataset' must be one of 'sbm', 'sparse_sbm'"),
        ({"dataset": "sbm", "size": 0}, r"'data\.size' must be a positive integer"),
        ({"dataset": "sbm", "probed": 2.5}, r"'data\.probed' must be a positive integer"),
        ({"dataset": "sbm", "loader": 3}, r"'data\.loader' must make a loader of a graph"),
    ],
)
def test_errors(kwargs, match):
    with pytest.raises(ValueError, match=match):
        NodeData(**kwargs)


SMALL = ["--data.size=2400", "--data.dataset=sparse_sbm", "--data.probed=50", "--trainer.accelerator=cpu"]
SMALL += ["--model.method.encoder.hidden_channels=8", "--model.method.encoder.out_channels=8"]
SMALL += ["--model.method.projector.channel_list=[8,8,8]", "--data.loader.batch_size=700"]


@pytest.mark.parametrize("name", ["grace-arxiv", "grace-communities-arxiv"])
def test_recipes_train_on_batches(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gnnclr.train.contrastive_data.evaluate_features", lambda *args: {})
    run = Run(parse_recipe(name, [*SMALL, "--trainer.max_epochs=2"]), tmp_path / "run")
    assert run.fit()["steps"] == 8 and "step 8 of 8, loss" in capsys.readouterr().err
    # The saved settings make the same loader.
    batches = [Run.open(run.folder).build().data for _ in range(2)]
    for data in batches:
        data.setup("fit")
    assert rows(batches[0].batches()) == rows(batches[1].batches()) and len(batches[0].batches()) == 4


@pytest.mark.parametrize(
    ("override", "match"),
    [
        ("--data.loader.seed=1", "unknown field 'seed'"),
        ("--data.loader.batch=1", "unknown field 'batch'"),
        ("--data.loader=gnnclr.node.GRACE", "SubgraphLoader"),
    ],
)
def test_fields_of_the_loader(override, match):
    with pytest.raises(ValueError, match=match):
        parse_recipe("grace-arxiv", [override])


def test_a_recipe_of_the_whole_graph_takes_a_loader(tmp_path):
    overrides = ["--data.loader=gnnclr.node.RandomNodeLoader", "--data.loader.batch_size=100"]
    data = Run(parse_recipe("grace-sbm", overrides), tmp_path).build().data
    data.setup("fit")
    assert len(data.batches()) == 6


def graph_file(path, **parts):
    torch.save(sbm(90, num_classes=3, num_features=16).update(parts), path)
    return str(path)


def fitted(tmp_path, recipe, dataset, *overrides):
    overrides = [f"--data.dataset={dataset}", "--trainer.max_epochs=2", "--trainer.accelerator=cpu", *overrides]
    return Run(parse_recipe(recipe, overrides), tmp_path / "run").fit()


def test_a_graph_of_ones_own(tmp_path, capsys):
    masks = {f"{part}_mask": torch.rand(90, 3) < 0.3 for part in ("train", "val", "test")}
    masks["val_mask"] &= ~masks["train_mask"]
    masks["test_mask"] &= ~masks["train_mask"] & ~masks["val_mask"]
    weight = torch.rand(sbm(90, num_classes=3, num_features=16).num_edges, 1)
    dataset = graph_file(tmp_path / "mine.graph", **masks, edge_attr=weight)
    data = NodeData(dataset, split=2, undirected=True)
    data.setup("fit")
    said = capsys.readouterr().out
    assert said.startswith("mine.graph: 90 nodes with 16 features; ") and "weights from edge_attr" in said
    assert "made undirected" in said and "the masks hold 3 splits side by side: split 2 is used" in said
    assert data.split.test.equal(masks["test_mask"][:, 2].nonzero().view(-1)) and data.graph.edge_weight.dim() == 1
    unweighted = propagate_features(data.graph.x, data.graph.edge_index)
    assert not torch.allclose(data.baselines()["A²X"](), unweighted)
    result = fitted(tmp_path, "ccassg", dataset, "--data.split=2")
    assert 0 <= result["test"]["trained"]["linear"] <= 1
    with pytest.raises(ValueError, match=r"'data\.undirected' goes with a file \(got the data set 'sbm'\)"):
        NodeData("sbm", undirected=True)
    with pytest.raises(ValueError, match=r"'data\.dataset' must be one of 'sbm', .*'FILE' \(got 'coar'\)"):
        NodeData("coar")


def test_several_labels_of_a_node(tmp_path, capsys):
    graph = sbm(90, num_classes=3, num_features=16)
    y = torch.stack([graph.y == 0, graph.y != 1, graph.x[:, 0] > 0.5], dim=1).float()
    y[5] = float("nan")
    result = fitted(tmp_path, "ccassg", graph_file(tmp_path / "several.pt", y=y))
    out = capsys.readouterr().out
    assert "3 labels of which a node may have several" in out and out.count("1 node has no label") == 1
    for row in ("raw", "A²X", "untrained", "trained"):
        assert result["test"][row].keys() == {"Micro-F1", "Macro-F1"}
        assert 0 < result["test"][row]["Macro-F1"] <= result["test"][row]["Micro-F1"] + 0.3 <= 1.3
    data = NodeData(str(tmp_path / "several.pt"))
    data.setup("fit")
    assert data.num_classes == 3 and data.training_labels() is None and 5 not in data.split.test


def test_relations_of_a_file_are_contrasted(tmp_path):
    graph, data = sbm(90, num_classes=3, num_features=16), HeteroData()
    data["paper"].x, data["paper"].y = graph.x, graph.y
    data["paper", "a", "paper"].edge_index = graph.edge_index
    data["paper", "b", "paper"].edge_index = graph.edge_index[:, ::2]
    data["paper", "b", "paper"].edge_weight = torch.rand(graph.edge_index[:, ::2].size(1))
    torch.save(data, tmp_path / "hetero.pt")
    result = fitted(tmp_path, "multiplex", str(tmp_path / "hetero.pt"))
    assert 0 <= result["test"]["trained"]["Micro-F1"] <= 1
