import copy

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from gnnclr.cli import main
from gnnclr.node import sbm
from gnnclr.node.datasets.own_graph import own_graph
from gnnclr.train import Run, parse_recipe
from gnnclr.train.embedding import embed_run

SHORT = ["--trainer.accelerator=cpu", "--trainer.max_epochs=2"]
SHORT += [f"--model.method.encoder.{name}_channels=8" for name in ("hidden", "out")]
LSA = [
    "--data.transform=torch_geometric.transforms.Compose",
    "--data.transform.transforms=[{class_path: gnnclr.node.TfidfFeatures}, "
    "{class_path: gnnclr.node.SVDFeatures, init_args: {num_components: 12}}]",
]


def graph(seed, n=80):
    data = sbm(n, num_classes=3, num_features=24, seed=seed)
    torch.manual_seed(seed)
    data.edge_attr = torch.rand(data.num_edges, 1) + 0.1
    return data


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    torch.save(graph(0), root / "one.pt")
    torch.save(graph(1, 50), root / "other.pt")
    for name, more in {"raw": [], "lsa": LSA, "undirected": ["--data.undirected=true"]}.items():
        recipe = parse_recipe("ccassg", [f"--data.dataset={root / 'one.pt'}", *SHORT, *more])
        Run(recipe, root / name).train()
    return root


def test_another_graph(runs):
    arrays = embed_run(runs / "raw", graph=runs / "other.pt")
    assert list(arrays) == ["z", "y"]
    method, _ = Run.open(runs / "raw").load_method()
    other, _ = own_graph(graph(1, 50))
    np.testing.assert_allclose(arrays["z"], method.embed(other), atol=1e-6)
    assert arrays["z"].shape[0] == 50 and np.array_equal(arrays["y"], other.y)
    del other["edge_weight"]
    assert not np.allclose(arrays["z"], method.embed(other), atol=1e-4)  # its weights count


def test_features_are_transformed_as_in_the_training(runs):
    _, _, data, _ = Run.open(runs / "lsa").load()
    weights, directions = (part["weight"] for part in data.fitted()[:1]), data.fitted()[1]["directions"]
    method, _ = Run.open(runs / "lsa").load_method()
    x = graph(1, 50).x.double() * next(weights)
    x = x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)
    other, _ = own_graph(graph(1, 50))
    other.x = (x @ directions.double().t()).float()
    found = embed_run(runs / "lsa", graph=runs / "other.pt")["z"]
    np.testing.assert_allclose(found, method.embed(other), atol=1e-4)
    # The graph of the training itself, by what is stored.
    own = embed_run(runs / "lsa")["z"]
    np.testing.assert_allclose(embed_run(runs / "lsa", graph=runs / "one.pt")["z"], own, atol=1e-2)
    assert not (runs / "raw" / "fitted.pt").exists()


def test_directions_are_those_of_the_training(runs):
    found = embed_run(runs / "undirected", graph=graph(1, 50))["z"]
    method, _ = Run.open(runs / "undirected").load_method()
    np.testing.assert_allclose(found, method.embed(own_graph(graph(1, 50), undirected=True)[0]), atol=1e-6)


def test_the_command(runs, tmp_path, capsys):
    other = graph(1, 50)
    other.y = [("a", "b", "c")[label] for label in other.y.tolist()]
    torch.save(other, tmp_path / "texts.pt")
    output = tmp_path / "z.npz"
    assert main(["embed", f"--run={runs / 'lsa'}", f"--graph={tmp_path / 'texts.pt'}", f"--output={output}"]) == 0
    said = capsys.readouterr().out
    assert (
        said.startswith("texts.pt: 50 nodes with 24 features; ") and "3 classes named by texts; its own masks" in said
    )
    assert f"50 embeddings of width 8 in {output}: z, y, classes" in said
    with np.load(output, allow_pickle=False) as arrays:
        assert arrays["classes"].tolist() == ["a", "b", "c"] and arrays["z"].shape == (50, 8)


def test_what_does_not_fit(runs, tmp_path):
    narrow = Data(x=torch.rand(5, 7), edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match=r"'graph' must have nodes with 24 features, as that of the run \(got 7\)"):
        embed_run(runs / "raw", graph=narrow)
    with pytest.raises(ValueError, match=r"'data\.x' must have the 24 columns that TfidfFeatures is fitted to"):
        embed_run(runs / "lsa", graph=narrow)
    with pytest.raises(FileNotFoundError, match="existing file"):
        embed_run(runs / "raw", graph=tmp_path / "no.pt")
    with pytest.raises(ValueError, match="must not both be given"):
        embed_run(runs / "raw", images="photos", graph="graph.pt")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in (runs / "lsa").rglob("*"):
        if path.is_file():
            target = damaged / path.relative_to(runs / "lsa")
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    (damaged / "fitted.pt").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"fitted\.pt' must be undamaged .*; train anew"):
        embed_run(damaged, graph=runs / "other.pt")
    (damaged / "fitted.pt").unlink()
    with pytest.raises(ValueError, match=r"'data\.transform' must have the 0 fitted parts of the run"):
        embed_run(damaged, graph=runs / "other.pt")


def test_methods_that_are_bound_to_their_nodes(runs, monkeypatch):
    monkeypatch.setattr("gnnclr.node.CCASSG.bound_to_nodes", True, raising=False)
    with pytest.raises(ValueError, match="cannot embed another graph: CCASSG in its method is bound to the nodes"):
        embed_run(runs / "raw", graph=runs / "other.pt")
    assert copy.copy(embed_run(runs / "raw"))["z"].shape == (80, 8)
