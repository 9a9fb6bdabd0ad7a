import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from gnnclr.eval import Split, linear_probe
from gnnclr.node import UnitFeatures, load_node_data, propagate_features, sbm
from gnnclr.node.datasets.load import choose_split

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


@pytest.mark.data
@needs_data
def test_acm_is_the_union_of_its_relations():
    data = load_node_data("acm", ROOT)
    assert (data.num_nodes, data.num_features, int(data.y.max()) + 1) == (4019, 1902, 3)
    assert data.is_undirected() and str(Split.from_masks(data)) == "Split(train=60, val=1000, test=1000)"
    assert data.x.layout == torch.sparse_csr


@pytest.fixture
def wikics(tmp_path):
    raw = tmp_path / "wikics" / "WikiCS" / "raw"
    raw.mkdir(parents=True)
    rows, splits = np.arange(12), 20
    file = {
        "features": np.random.default_rng(0).normal(size=(12, 4)).tolist(),
        "labels": (rows % 3).tolist(),
        "links": [[(i + 1) % 12] for i in range(12)],
        "train_masks": [((rows + s) % 12 < 3).tolist() for s in range(splits)],
        "val_masks": [((rows + s) % 12 == 3).tolist() for s in range(splits)],
        "stopping_masks": [((rows + s) % 12 == 4).tolist() for s in range(splits)],
        "test_mask": (rows == 11).tolist(),
    }
    (raw / "data.json").write_text(json.dumps(file))
    return tmp_path


def test_wikics_has_twenty_public_splits(wikics):
    before = sorted(wikics.rglob("*"))
    whole = load_node_data("wikics", wikics, split_seed=None)
    assert sorted(wikics.rglob("*")) == before
    assert whole.train_mask.shape == (12, 20) and whole.test_mask.shape == (12,)
    assert whole.is_undirected() and whole.num_edges == 24
    for seed in (0, 7, 19):
        data = load_node_data("wikics", wikics, split_seed=seed)
        assert data.train_mask.nonzero().view(-1).tolist() == sorted((i - seed) % 12 for i in range(3))
        assert data.stopping_mask.dim() == 1 and data.test_mask.equal(whole.test_mask)
    assert load_node_data("wikics", wikics, split_seed=27).train_mask.equal(whole.train_mask[:, 7])


def arxiv_files(root, pack):
    files = {
        "raw/edge.csv": "0,1\n1,2\n3,0\n",
        "raw/node-feat.csv": "0.5,-1\n1,2\n3,4.25\n0,1e-3\n",
        "raw/node-label.csv": "2\n0\n39\n1\n",
        "raw/num-node-list.csv": "4\n",
        "split/time/train.csv": "0\n3\n",
        "split/time/valid.csv": "1\n",
        "split/time/test.csv": "2\n",
    }
    for name, text in files.items():
        path = root / (name + ".gz" * pack)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()) if pack else text.encode())


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("folder", ["ogbn_arxiv", "ogb/ogbn_arxiv", "arxiv"])
def test_arxiv_as_ogb_unpacks_it(tmp_path, folder, pack):
    arxiv_files(tmp_path / folder, pack)
    data = load_node_data("arxiv", tmp_path)
    assert data.x.equal(torch.tensor([[0.5, -1], [1, 2], [3, 4.25], [0, 1e-3]]))
    assert data.y.tolist() == [2, 0, 39, 1] and data.y.dtype == torch.int64
    assert data.edge_index.tolist() == [[0, 0, 1, 1, 2, 3], [1, 3, 0, 2, 1, 0]]
    split = Split.from_masks(data)
    assert [split.train.tolist(), split.val.tolist(), split.test.tolist()] == [[0, 3], [1], [2]]


def test_arxiv_names_the_files_it_lacks(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ogbn_arxiv as OGB unpacks it .*raw/edge\.csv\.gz, raw/node-feat"):
        load_node_data("arxiv", tmp_path)
    arxiv_files(tmp_path / "ogbn_arxiv", True)
    (tmp_path / "ogbn_arxiv" / "split" / "time" / "valid.csv.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"ogbn_arxiv lacks split/time/valid\.csv\.gz$"):
        load_node_data("arxiv", tmp_path)


def test_choose_split():
    masks = {f"{part}_mask": torch.rand(30, 4) < 0.5 for part in ("train", "val", "test")}
    data = Data(x=torch.randn(30, 2), y=torch.arange(30) % 3, **masks)
    for seed in (1, 5):
        chosen = choose_split(data, seed)
        assert all(chosen[key].equal(mask[:, 1]) for key, mask in masks.items())
    assert data.train_mask.dim() == 2  # the graph is left as it is
    assert choose_split(chosen, 3).train_mask.equal(chosen.train_mask)
    data.val_mask = data.val_mask[:, :3]
    with pytest.raises(ValueError, match=r"masks of equally many splits \(got .*'val_mask': 3"):
        choose_split(data)


def test_choose_split_at_random():
    data = Data(x=torch.randn(50, 2), y=torch.arange(50) % 3)
    state = torch.get_rng_state()
    parts = [Split.from_masks(choose_split(data, seed)) for seed in (0, 0, 1)]
    assert torch.equal(state, torch.get_rng_state()) and "train_mask" not in data
    assert str(parts[0]) == "Split(train=5, val=5, test=40)"
    assert parts[0].test.equal(parts[1].test) and not parts[0].test.equal(parts[2].test)
    assert "train_mask" not in choose_split(Data(x=torch.randn(5, 2)))


def test_nodes_without_a_label_are_in_no_random_split():
    y = torch.where(torch.arange(100) % 2 == 0, torch.arange(100) % 3, -1)
    split = Split.from_masks(choose_split(Data(x=torch.randn(100, 2), y=y)))
    assert str(split) == "Split(train=5, val=5, test=40)"
    assert (y[torch.cat([split.train, split.val, split.test])] >= 0).all()
    assert "train_mask" not in choose_split(Data(x=torch.randn(9, 2), y=torch.full((9,), float("nan"))))
    y[10:] = -1
    with pytest.raises(ValueError, match=r"'data\.y' must have a label for 6 nodes or more, .* \(got 5\)"):
        choose_split(Data(x=torch.randn(100, 2), y=y))
    with pytest.raises(ValueError, match=r"'data\.y' must hold classes 0, 1, 2, \.\.\., .* \(got -2\)"):
        choose_split(Data(x=torch.randn(100, 2), y=y * 2))


def test_which_of_several_splits_is_used_is_said(capsys):
    masks = {f"{part}_mask": torch.rand(30, 4) < 0.5 for part in ("train", "val", "test")}
    choose_split(Data(x=torch.randn(30, 2), **masks), 6)
    assert capsys.readouterr().out == "the masks hold 4 splits side by side: split 2 is used\n"


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


def test_file_with_its_masks_as_they_are(tmp_path):
    data = sbm(100)
    del data.train_mask, data.val_mask, data.test_mask
    torch.save(data, tmp_path / "graph.pt")
    assert "train_mask" not in load_node_data(tmp_path / "graph.pt", split_seed=None)


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
    with pytest.raises(ValueError, match=r"'data.x' must hold features of the nodes \(got none\)"):
        load_node_data(tmp_path / "none.pt")


def test_missing_files_are_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("torch_geometric.datasets.planetoid.Planetoid.download", refuse)
    with pytest.raises(FileNotFoundError, match=r"must contain planetoid/Cora/raw or Cora/raw .* no network"):
        load_node_data("cora", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"must contain multiplex/acm\.npz or acm\.npz"):
        load_node_data("acm", tmp_path)


class Malicious:
    def __reduce__(self):
        return (os.system, ("exit 1",))


def test_a_file_cannot_run_code(tmp_path):
    torch.save({"x": Malicious()}, tmp_path / "bad.pt")
    with pytest.raises(Exception, match=r"system"):
        load_node_data(tmp_path / "bad.pt")


def test_broken_files(tmp_path):
    path = tmp_path / "graph.pt"
    torch.save(sbm(50), path)
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 3], whole[:-20], b"hello"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"graph\.pt' must hold a Data or its to_dict\(\)"):
            load_node_data(path)
    data = sbm(50)
    start = whole.index(data.x.numpy().tobytes()[:200])
    path.write_bytes(whole[:start] + bytes(64) + whole[start + 64 :])
    with pytest.raises(ValueError, match=r"graph\.pt' must hold .*the checksum of its part '\S+' is wrong"):
        load_node_data(path)
    crow, col = torch.arange(51), torch.full((50,), 600)
    data.x = torch.sparse_csr_tensor(crow, col, torch.ones(50), (50, 512), check_invariants=False)
    for content in ([sbm(50)], sbm(50).x, {1: 2}, data):
        torch.save(content, path)
        with pytest.raises(ValueError, match="must"):
            load_node_data(path)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"y": torch.zeros(5, dtype=torch.long)}, r"'data\.y' must have an entry for each of 50 nodes"),
        ({"y": "labels"}, r"'data\.y' must have an entry for each of 50 nodes"),
        ({"val_mask": torch.ones(49, dtype=torch.bool)}, r"'data\.val_mask' must have an entry for each of 50 nodes"),
        ({"test_mask": torch.ones(50, 0, dtype=torch.bool)}, "'data' must have masks of equally many splits"),
        ({"edge_index": torch.tensor([[0], [50]])}, r"'data\.edge_index' must hold nodes between 0 and 49"),
    ],
)
def test_what_does_not_fit_the_nodes(tmp_path, change, message):
    torch.save(sbm(50).update(change), tmp_path / "bad.pt")
    with pytest.raises(ValueError, match=message):
        load_node_data(tmp_path / "bad.pt")


def test_any_layout_of_features(tmp_path):
    data, path = sbm(50), tmp_path / "sparse.pt"
    for x in (data.x.to_sparse_coo(), data.x.to_sparse_csc(), data.x.to_sparse_csr()):
        torch.save(data.clone().update({"x": x}), path)
        loaded = load_node_data(path)
        assert loaded.x.layout == torch.sparse_csr and loaded.x.to_dense().equal(data.x)
        unit = load_node_data(path, transform=UnitFeatures())  # transforms see dense features
        assert torch.allclose(unit.x.to_dense().norm(dim=1), torch.ones(50))


def test_a_part_of_a_split_is_not_replaced(tmp_path):
    data = sbm(50)
    del data.train_mask
    torch.save(data, tmp_path / "part.pt")
    loaded = load_node_data(tmp_path / "part.pt")
    assert "train_mask" not in loaded and loaded.val_mask.equal(data.val_mask)


def test_transforms_and_seeds_are_checked(tmp_path):
    torch.save(sbm(50), tmp_path / "graph.pt")
    for transform, message in (
        (3, "'transform' must be callable"),
        (lambda data: None, "'data' must be a Data"),
        (lambda data: data.update({"x": data.x / 0}), r"'data\.x' must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            load_node_data(tmp_path / "graph.pt", transform=transform)
    with pytest.raises(ValueError, match="'seed' must be an integer"):
        load_node_data(tmp_path / "graph.pt", split_seed=1.5)


def test_broken_tables_of_arxiv(tmp_path):
    for name, text, message in (
        ("raw/edge.csv", "0,9\n", r"'raw/edge\.csv' must hold nodes between 0 and 3"),
        ("raw/edge.csv", "a,b\n", "must be complete"),
        ("raw/node-feat.csv", "1,2\n3\n", "must be complete"),
        ("split/time/train.csv", "4\n", r"'split/time/train\.csv' must hold nodes between 0 and 3"),
        ("raw/node-label.csv", "1\n", r"'data\.y' must have an entry for each of 4 nodes"),
    ):
        arxiv_files(tmp_path / "ogbn_arxiv", False)
        (tmp_path / "ogbn_arxiv" / name).write_text(text)
        with pytest.raises(ValueError, match=message):
            load_node_data("arxiv", tmp_path)


@pytest.mark.data
def test_broken_planetoid_files(tmp_path):
    raw = tmp_path / "Cora" / "raw"
    for name in ("x", "graph", "test.index"):
        shutil.copytree(Path(os.environ["GNNCLR_DATA"]) / "planetoid" / "Cora" / "raw", raw)
        path = raw / f"ind.cora.{name}"
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(ValueError, match="raw' must be complete"):
            load_node_data("cora", tmp_path)
        shutil.rmtree(raw)
