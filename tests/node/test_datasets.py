import os
from pathlib import Path

import pytest
import torch

from gnnclr.eval import Split, linear_probe
from gnnclr.node import load_node_data, propagate_features, sbm

ROOT = os.environ.get("GNNCLR_DATA", "")
needs_data = pytest.mark.skipif(not ROOT, reason="GNNCLR_DATA is not set")


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    "name, nodes, edges, features, classes", [("cora", 2708, 10556, 1433, 7), ("citeseer", 3327, 9104, 3703, 6)]
)
def test_planetoid(name, nodes, edges, features, classes):
    before = sorted(Path(ROOT, "planetoid").rglob("*"))
    data = load_node_data(name, ROOT)
    assert sorted(Path(ROOT, "planetoid").rglob("*")) == before
    assert (data.num_nodes, data.num_edges, data.num_features) == (nodes, edges, features)
    assert data.x.layout == torch.sparse_csr and int(data.y.max()) + 1 == classes
    assert str(Split.from_masks(data)) == f"Split(train={20 * classes}, val=500, test=1000)"


@pytest.mark.data
@needs_data
def test_propagated_features_of_cora_are_as_good_as_known():
    data = load_node_data("cora", ROOT)
    result = linear_probe(propagate_features(data.x, data.edge_index), data.y, Split.from_masks(data))
    assert 0.80 < result.test < 0.84


@pytest.mark.data
@needs_data
def test_photo_has_a_random_split_by_seed():
    data, again, other = (load_node_data("photo", ROOT, split_seed=s) for s in (0, 0, 1))
    assert data.num_nodes == 7650 and data.x.layout == torch.strided
    assert str(Split.from_masks(data)) == "Split(train=765, val=765, test=6120)"
    assert data.train_mask.equal(again.train_mask) and not data.train_mask.equal(other.train_mask)


@pytest.mark.parametrize("as_dict", [False, True])
def test_file(tmp_path, as_dict):
    data = sbm(100)
    path = tmp_path / "graph.pt"
    torch.save(data.to_dict() if as_dict else data, path)
    loaded = load_node_data(str(path))
    assert loaded.x.to_dense().equal(data.x) and loaded.edge_index.equal(data.edge_index)
    assert loaded.train_mask.equal(data.train_mask)


def test_file_without_a_split(tmp_path):
    data = sbm(100)
    del data.train_mask, data.val_mask, data.test_mask
    torch.save(data, tmp_path / "graph.pt")
    state = torch.get_rng_state()
    loaded = load_node_data(tmp_path / "graph.pt")
    assert torch.equal(state, torch.get_rng_state())
    assert str(Split.from_masks(loaded)) == "Split(train=10, val=10, test=80)"


def test_transform(tmp_path):
    torch.save(sbm(100), tmp_path / "graph.pt")

    def double(data):
        assert data.x.layout == torch.strided
        data.x = data.x * 2
        return data

    assert load_node_data(tmp_path / "graph.pt", transform=double).x.to_dense().max() == 2


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="'name' must be one of 'cora'"):
        load_node_data("karate", tmp_path)
    with pytest.raises(FileNotFoundError, match="existing file"):
        load_node_data(tmp_path / "no.pt")
    data = sbm(50)
    data.x[3] = float("nan")
    torch.save(data, tmp_path / "nan.pt")
    with pytest.raises(ValueError, match=r"'data\.x' must be finite"):
        load_node_data(tmp_path / "nan.pt")
    del data.x
    data.num_nodes = 50
    torch.save(data, tmp_path / "none.pt")
    with pytest.raises(ValueError, match=r"'data.x' must hold floating point node features .* \(got NoneType None\)"):
        load_node_data(tmp_path / "none.pt")


def test_missing_files_are_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("torch_geometric.datasets.planetoid.Planetoid.download", refuse)
    with pytest.raises(FileNotFoundError, match=r"must contain planetoid/Cora/raw or Cora/raw .* no network"):
        load_node_data("cora", tmp_path)


class Malicious:
    def __reduce__(self):
        return (os.system, ("exit 1",))


def test_a_file_cannot_run_code(tmp_path):
    torch.save({"x": Malicious()}, tmp_path / "bad.pt")
    with pytest.raises(Exception, match=r"system"):
        load_node_data(tmp_path / "bad.pt")
