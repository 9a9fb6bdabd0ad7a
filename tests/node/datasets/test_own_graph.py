import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.utils import to_undirected

from gnnclr.eval import Split
from gnnclr.node import MultiplexData, UnitFeatures, load_node_data, sbm
from gnnclr.node.datasets.load import own_multiplex_data, own_node_data
from gnnclr.node.datasets.own_graph import own_graph

DIRECTED = torch.tensor([[0, 1, 2, 2, 4, 0], [1, 0, 0, 2, 3, 4]])  # a self-loop at 2, and 5 isolated


def small(**parts):
    return Data(**({"x": torch.rand(6, 3), "edge_index": DIRECTED} | parts))


def test_edges_of_any_form():
    weight = torch.tensor([0.5, 1, 2, 3, 4, 5])
    coo = torch.sparse_coo_tensor(DIRECTED.flip(0), weight, (6, 6)).coalesce()  # rows are targets
    expected = torch.zeros(6, 6).index_put_(tuple(DIRECTED), weight)
    forms = [
        {"edge_index": DIRECTED, "edge_weight": weight},
        {"edge_index": DIRECTED.int(), "edge_attr": weight.view(-1, 1)},
    ]
    forms += [{"edge_index": None, "adj_t": adjacency} for adjacency in (coo, coo.to_sparse_csr(), coo.to_sparse_csc())]
    for form in forms:
        data, _ = own_graph(small(**form))
        found = torch.zeros(6, 6).index_put_(tuple(data.edge_index), data.edge_weight)
        assert found.equal(expected) and data.edge_index.dtype == torch.int64
        assert "adj_t" not in data and "edge_attr" not in data
    ones = torch.sparse_coo_tensor(DIRECTED.flip(0), torch.ones(6), (6, 6))
    data, _ = own_graph(small(edge_index=None, adj_t=ones))
    assert "edge_weight" not in data and data.num_edges == 6


class SparseTensor:
    """The part of torch-sparse's class that is asked for."""

    def coo(self):
        return DIRECTED[1], DIRECTED[0], None


def test_a_sparse_tensor():
    data, _ = own_graph(Data(x=torch.rand(6, 3), adj_t=SparseTensor()))
    assert data.edge_index.equal(DIRECTED) and "edge_weight" not in data


@pytest.mark.parametrize("layout", ["to_sparse_coo", "to_sparse_csr", "to_sparse_csc"])
def test_features_of_any_form(layout):
    x = torch.eye(6)[:, :4]
    for value in (x, x.long(), x.bool()):
        data, _ = own_graph(small(x=value))
        assert data.x.equal(x) and data.x.dtype == torch.float32
    data, _ = own_graph(small(x=getattr(x, layout)()))
    assert data.x.layout == torch.sparse_csr and data.x.to_dense().equal(x)


def test_the_paragraph(capsys):
    weight = torch.tensor([0.5, 1, 2, 3, 4, 0])
    y = torch.tensor([0.0, 1, float("nan"), 1, 0, 1])
    masks = {"train_mask": y == 0, "val_mask": y == 5, "test_mask": y == 1}
    own_node_data(small(edge_attr=weight, y=y, **masks), "g.pt")
    assert capsys.readouterr().out == (
        "g.pt: 6 nodes with 3 features; 5 edges, directed, kept so ('undirected' adds the other direction), "
        "1 edge of weight zero left out, weights from edge_attr, 0.5 to 4, 1 self-loop kept, 1 isolated node kept; "
        "2 classes; split by its own masks: 2 train, 0 val, 3 test nodes.\n"
    )
    own_node_data(small(), "g.pt", undirected=True)
    assert capsys.readouterr().out == (
        "g.pt: 6 nodes with 3 features; 9 edges, made undirected, no weights, 1 self-loop kept, 1 isolated node kept; "
        "no labels: nothing is probed; no split.\n"
    )


def test_directions_and_repetitions():
    weight = torch.tensor([1.0, 3, 2, 5, 4, 6])
    data, phrases = own_graph(small(edge_weight=weight), undirected=True)
    index, mean = to_undirected(DIRECTED, weight, reduce="mean")
    assert data.edge_index.equal(index) and data.edge_weight.equal(mean)
    assert "made undirected" in phrases[1]
    assert "undirected" in own_graph(data)[1][1] and "directed, kept" not in own_graph(data)[1][1]
    twice = torch.cat([DIRECTED, DIRECTED[:, :2]], dim=1)
    data, phrases = own_graph(small(edge_index=twice))
    assert data.num_edges == 8 and "2 edges there several times, which add up" in phrases[1]


def test_attributes_of_several_columns_are_no_weights():
    data, phrases = own_graph(small(edge_attr=torch.rand(6, 2)))
    assert "no weights, 'edge_attr' of shape [6, 2] not used" in phrases[1]
    assert data.edge_attr.shape == (6, 2) and "edge_weight" not in data


def test_labels_of_any_form():
    def labels(y):
        data, phrases = own_graph(small(y=y))
        return data.y.tolist(), phrases[2], data

    assert labels(torch.tensor([0, 1, -1, 1, 0, 1]))[0] == [0, 1, -1, 1, 0, 1]
    assert labels(torch.tensor([[0.0], [1], [float("nan")], [1], [0], [1]]))[0] == [0, 1, -1, 1, 0, 1]
    y, phrase, data = labels(["cat", "dog", "", "dog", "cat", None])
    assert y == [0, 1, -1, 1, 0, -1] and data.class_names == ["cat", "dog"]
    assert phrase == "2 classes named by texts"
    assert labels(torch.eye(6)[:, [0, 1, 2, 3, 4, 5]])[0] == [0, 1, 2, 3, 4, 5]  # one-hot
    several = torch.tensor([[1, 1], [0, 1], [0, 0], [1, 0], [-1, -1], [1, 1]])
    y, phrase, _ = labels(several.float().masked_fill(several < 0, float("nan")))
    assert y == several.tolist() and phrase == "2 labels of which a node may have several"


@pytest.mark.parametrize(
    "y, message",
    [
        (torch.tensor([0, 0.5, 1, 1, 1, 1]), r"'data\.y' must hold whole numbers, .* \(got 0.5\)"),
        (torch.tensor([0, -2, 1, 1, 1, 1]), r"'data\.y' must hold classes 0, 1, 2"),
        (torch.rand(6, 2), r"'data\.y' must hold zeros and ones, a column for a label, where it has 2 columns"),
        (torch.zeros(5), r"'data\.y' must have an entry for each of 6 nodes"),
        (["a"] * 5, r"'data\.y' must have an entry for each of 6 nodes"),
    ],
)
def test_labels_that_are_none(y, message):
    with pytest.raises(ValueError, match=message):
        own_graph(small(y=y))


def test_splits(capsys):
    masks = {key: torch.zeros(30, 4).scatter(0, torch.full((1, 4), i), 1).long() for i, key in enumerate(MASKS)}
    graph = Data(x=torch.rand(30, 2), edge_index=DIRECTED, y=torch.arange(30) % 3, **masks)
    data = own_node_data(graph, split_seed=2)
    assert data.train_mask.dtype == torch.bool and str(Split.from_masks(data)) == "Split(train=1, val=1, test=1)"
    assert "the masks hold 4 splits side by side: split 2 is used" in capsys.readouterr().out
    own_node_data(graph)
    assert "split 0 is used" in capsys.readouterr().out


MASKS = ("train_mask", "val_mask", "test_mask")


def hetero(*relations):
    data = HeteroData()
    data["paper"].x, data["paper"].y = torch.rand(6, 3), torch.tensor([0, 1, 0, 1, 0, 1])
    for i, name in enumerate(relations):
        data["paper", name, "paper"].edge_index = DIRECTED[:, i:]
    return data


def test_relations_of_one_type_of_nodes(tmp_path, capsys):
    data = hetero("cites", "same-author")
    data["paper", "cites", "paper"].edge_attr = torch.rand(6, 1)
    path = tmp_path / "papers.pt"
    for value in (data, data.to_dict()):
        torch.save(value, path)
        union = load_node_data(path, split_seed=None)
        assert (union.num_edges == 6 and union.edge_weight[0] == 1) or union.edge_weight.numel() == 6
    assert capsys.readouterr().out.count("the union of its 2 relations is taken") == 1
    graph, phrases = own_graph(data)
    assert isinstance(graph, MultiplexData) and graph.relations == ("cites", "same_author")
    assert torch.allclose(graph.relation("cites").edge_weight, data["paper", "cites", "paper"].edge_attr.view(-1))
    assert "edge_weight" not in graph.relation("same_author") and len(phrases) == 4
    again, _ = own_graph(graph.to_dict())
    assert again.relations == graph.relations and again.relation("cites").edge_weight.numel() == 6
    one, _ = own_graph(hetero("cites"))
    assert type(one) is Data and one.edge_index.equal(DIRECTED)
    with pytest.raises(ValueError, match=r"must have several relations between nodes of one type \(got one\)"):
        own_multiplex_data(hetero("cites"))
    assert own_graph(data, undirected=True)[0].relation("same_author").is_undirected()


def test_several_relations_are_checked_and_split_as_one_is():
    for part, value, match in (
        ("x", torch.full((6, 3), float("nan")), r"'data\.x' must be finite"),
        ("x", torch.ones(6, 0), r"'data\.x' must hold floating point node features"),
        ("train_mask", torch.ones(5, dtype=torch.bool), r"'data\.train_mask' must have an entry for each of 6 nodes"),
    ):
        data = hetero("cites", "same-author")
        data["paper"][part] = value
        for read in (own_node_data, own_multiplex_data):
            with pytest.raises(ValueError, match=match):
                read(data, split_seed=None)
    data = hetero("cites", "same-author")
    data["paper"].x, data["paper"].y = torch.eye(6).to_sparse_csr(), ["a", "b"] * 3
    for read in (own_node_data, own_multiplex_data):
        read_one = read(data, transform=UnitFeatures(), split_seed=None)  # of dense features
        assert read_one.x.to_dense().equal(torch.eye(6)) and read_one.class_names == ["a", "b"]


def test_errors_name_the_file_and_the_relation(tmp_path):
    torch.save(small(edge_weight=-torch.ones(6)), tmp_path / "one.pt")
    with pytest.raises(ValueError, match=r"^'data\.edge_weight' must be .* \(got -1\), in 'one\.pt'$"):
        load_node_data(tmp_path / "one.pt")
    data = hetero("cites", "same-author")
    data["paper", "cites", "paper"].edge_weight = torch.ones(6)
    data["paper", "same-author", "paper"].edge_weight = torch.ones(3)
    with pytest.raises(ValueError, match=r"^'data\.edge_weight_same_author' must be numbers of shape \[5\]"):
        own_node_data(data)


def test_what_is_no_graph_of_one_kind(tmp_path):
    data = hetero("cites")
    data["author"].x = torch.rand(2, 3)
    with pytest.raises(ValueError, match=r"must have nodes of one type \(got 'paper', 'author'\); join .*AddMetaPaths"):
        own_graph(data)
    batch = Batch.from_data_list([small(), small()])
    with pytest.raises(ValueError, match=r"must be one graph, whose nodes are contrasted \(got a batch of 2 graphs\)"):
        own_graph(batch)
    torch.save(batch, tmp_path / "batch.pt")
    with pytest.raises(ValueError, match=r"batch\.pt' must hold one graph in tensors: it holds a batch of graphs"):
        load_node_data(tmp_path / "batch.pt")
    with pytest.raises(ValueError, match=r"must be one graph \(got a list of 2\)"):
        own_graph([small(), small()])
    for bad in (None, torch.ones(3), {1: 2}, "graph"):
        with pytest.raises(ValueError, match="'data' must be a Data, a HeteroData or the to_dict"):
            own_graph(bad)


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"x": None, "num_nodes": 6}, r"'data\.x' must hold features of the nodes \(got none\); .*OneHotDegree"),
        ({"x": torch.rand(6)}, r"'data\.x' must hold real node features of shape \[n, d\]"),
        ({"x": torch.rand(6, 3) * 1j}, r"'data\.x' must hold real node features of shape \[n, d\] .*complex64"),
        ({"edge_index": None}, r"'data' must have edges 'edge_index' \[2, e\] or 'adj_t' \(got neither\)"),
        ({"edge_index": DIRECTED[:, :0]}, r"'data' must have edges \(got none\)"),
        ({"edge_weight": torch.zeros(6)}, r"'data' must have edges \(got none\)"),
        ({"edge_index": DIRECTED + 3}, r"'data\.edge_index' must hold nodes between 0 and 5"),
        ({"edge_weight": -torch.ones(6)}, r"'data\.edge_weight' must be finite, and none negative \(got -1\)"),
        ({"edge_weight": torch.ones(5)}, r"'data\.edge_weight' must be numbers of shape \[6\]"),
        ({"edge_attr": torch.ones(5)}, r"'data\.edge_attr' must have an entry for each of 6 edges"),
        ({"edge_attr": torch.full((6, 1), float("nan"))}, r"'data\.edge_attr' must be finite"),
        ({"edge_index": None, "adj_t": torch.eye(6)}, r"'data\.adj_t' must be sparse"),
    ],
)
def test_parts_that_do_not_fit(parts, message):
    with pytest.raises(ValueError, match=message):
        own_graph(small(**parts))


@pytest.mark.parametrize("name", ["graph.pth", "graph.bin", "graph", "~/graph.pt"])
def test_files_of_any_name(tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    data = sbm(60)
    torch.save(data, tmp_path / name.removeprefix("~/"))
    assert load_node_data(name).edge_index.equal(data.edge_index)


def test_files_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"'name' must be one of 'cora', .*'FILE' \(got 'grph'"):
        load_node_data("grph")
    for name in ("graph.pt", "folder/graph"):
        with pytest.raises(FileNotFoundError, match=f"{name}' must be an existing file, .*it is missing"):
            load_node_data(name)
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(FileNotFoundError, match="it is a folder"):
        load_node_data("folder.pt")
