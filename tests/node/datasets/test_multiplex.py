import os

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data

from gnnclr.eval import Split
from gnnclr.node.datasets.multiplex import MultiplexData, load_multiplex_data

ROOT = os.environ.get("GNNCLR_DATA", "")


def small():
    relations = {"near": torch.tensor([[0, 1, 2], [1, 0, 3]]), "alike": torch.tensor([[0, 2], [1, 0]])}
    return MultiplexData(torch.randn(4, 3), relations, torch.tensor([0, 1, 0, 1]), train_mask=torch.ones(4).bool())


def test_relations_share_nodes():
    data = small()
    assert data.relations == ("near", "alike") and data.num_nodes == 4 and data.validate()
    near = data.relation("near")
    assert type(near) is Data and near.edge_index.tolist() == [[0, 1, 2], [1, 0, 3]]
    assert near.x is data.x and near.y is data.y and near.train_mask is data.train_mask
    assert set(near.keys()) == {"x", "y", "edge_index", "train_mask"}
    assert [view.num_edges for view in data.views()] == [3, 2]


def test_union_has_each_edge_once():
    union = small().union()
    assert union.edge_index.tolist() == [[0, 1, 2, 2], [1, 0, 0, 3]] and "edge_index_near" not in union


def test_pyg_treats_relations_as_edges():
    data = small()
    batch = Batch.from_data_list([data, data])
    assert batch.edge_index_alike.tolist() == [[0, 2, 4, 6], [1, 0, 5, 4]]
    copy = data.clone()
    copy.edge_index_near[0, 0] = 3
    assert data.edge_index_near[0, 0] == 0 and copy.relations == data.relations


def test_errors():
    x, edges = torch.randn(3, 2), torch.tensor([[0], [2]])
    with pytest.raises(ValueError, match="'relations' must have identifiers as names"):
        MultiplexData(x, {"p-a-p": edges})
    with pytest.raises(ValueError, match=r"'relations\['pap'\]' must hold nodes between 0 and 2 \(got 0 to 3\)"):
        MultiplexData(x, {"pap": edges + torch.tensor([[0], [1]])})
    with pytest.raises(ValueError, match=r"'relations\['pap'\]' must be an integer tensor of shape \[2, e\]"):
        MultiplexData(x, {"pap": edges.float()})
    with pytest.raises(ValueError, match="'name' must be one of 'pap'"):
        MultiplexData(x, {"pap": edges}).relation("psp")
    with pytest.raises(ValueError, match="'relations' must not be empty"):
        MultiplexData(x).union()


def write_acm(folder):
    folder.mkdir(parents=True, exist_ok=True)
    dense = (np.random.default_rng(0).random((200, 50)) < 0.03).astype(np.float32)
    row, col = dense.nonzero()
    arrays = {
        "attr_data": dense[row, col],
        "attr_indices": col.astype(np.int32),
        "attr_indptr": np.concatenate([[0], np.bincount(row, minlength=200).cumsum()]).astype(np.int32),
        "attr_shape": np.array([200, 50]),
        "labels": np.arange(200) % 3,
        "pap": np.array([[0, 1], [1, 0]]),
        "psp": np.array([[1, 2], [2, 1]]),
    }
    for size in (20, 40, 60):
        parts = {"train": (0, size), "val": (100, 150), "test": (150, 200)}
        arrays |= {f"{part}_{size}": np.arange(*bounds) for part, bounds in parts.items()}
    np.savez(folder / "acm.npz", **arrays)
    return torch.from_numpy(dense)


@pytest.mark.parametrize("place", ["multiplex", "."])
def test_acm_from_a_file(tmp_path, place):
    dense = write_acm(tmp_path / place)
    data = load_multiplex_data("acm", tmp_path, labels_per_class=40)
    assert data.x.layout == torch.sparse_csr and data.x.to_dense().equal(dense)
    assert data.relations == ("pap", "psp") and data.edge_index_psp.tolist() == [[1, 2], [2, 1]]
    assert str(Split.from_masks(data)) == "Split(train=40, val=50, test=50)"


def test_errors_of_the_loader(tmp_path):
    with pytest.raises(ValueError, match="'name' must be one of 'acm'"):
        load_multiplex_data("imdb", tmp_path)
    with pytest.raises(ValueError, match="'labels_per_class' must be 20, 40 or 60"):
        load_multiplex_data("acm", tmp_path, labels_per_class=30)
    with pytest.raises(FileNotFoundError, match=r"must contain multiplex/acm\.npz or acm\.npz"):
        load_multiplex_data("acm", tmp_path)


@pytest.mark.data
@pytest.mark.skipif(not ROOT, reason="GNNCLR_DATA is not set")
def test_acm():
    data = load_multiplex_data("acm", ROOT, labels_per_class=60)
    assert (data.num_nodes, data.num_features) == (4019, 1902)
    assert data.edge_index_pap.size(1) == 57853 and data.edge_index_psp.size(1) == 4338213
    assert all(view.is_undirected() for view in data.views())
    split = Split.from_masks(data)
    assert str(split) == "Split(train=180, val=1000, test=1000)"
    assert torch.bincount(data.y[split.train]).tolist() == [60, 60, 60]


def test_broken_files(tmp_path):
    write_acm(tmp_path)
    path = tmp_path / "acm.npz"
    good = dict(np.load(path))
    whole = path.read_bytes()
    for change in (
        {"attr_indices": good["attr_indices"] + 50},  # sparse products would read anywhere
        {"attr_indptr": good["attr_indptr"][:5]},
        {"attr_data": good["attr_data"][:5]},
        {"labels": good["labels"][:5]},
        {"pap": good["pap"] + 200},
        {"train_20": good["train_20"] + 200},
        {"train_20": None},
    ):
        np.savez(path, **{key: value for key, value in (good | change).items() if value is not None})
        with pytest.raises(ValueError, match=r"acm\.npz' must be complete"):
            load_multiplex_data("acm", tmp_path)
    for cut in (b"", whole[: len(whole) // 2], b"no archive"):
        path.write_bytes(cut)
        with pytest.raises(ValueError, match=r"acm\.npz' must be complete"):
            load_multiplex_data("acm", tmp_path)


def test_relations_must_be_named():
    with pytest.raises(ValueError, match="'relations' must map names to edges"):
        MultiplexData(torch.ones(3, 1), [torch.zeros(2, 1, dtype=torch.long)])
