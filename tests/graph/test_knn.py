import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnclr.graph import knn as knn_module
from gnnclr.graph.index import KNNIndex
from gnnclr.graph.knn import knn_graph

inf = float("inf")


def costs(x, cosine):
    """The literal distances (or negative similarities) in float64."""
    x = x.double()
    if cosine:
        unit = x / torch.where(x.norm(dim=1, keepdim=True) > 0, x.norm(dim=1, keepdim=True), 1)
        return -unit @ unit.t()
    return (x[:, None] - x[None]).square().sum(dim=2)


def check(edge_index, x, k, batch=None, loop=False, cosine=False, atol=1e-5):
    """The graph has the right nodes, counts and order; distances equal those of brute force, so ties are free."""
    n = x.size(0)
    batch = torch.zeros(n, dtype=torch.long) if batch is None else batch
    cost = costs(x, cosine)
    neighbor, center = edge_index
    assert edge_index.dtype == torch.long and torch.equal(center, center.sort(stable=True).values)
    for i in range(n):
        row = neighbor[center == i]
        others = ((batch == batch[i]) & (torch.arange(n) != i)).nonzero().flatten()
        if loop:
            assert row[0] == i
            row = row[1:]
        assert row.unique().numel() == row.numel() == min(k - loop, others.numel())
        assert torch.isin(row, others).all()
        expected = cost[i, others].sort().values[: row.numel()]
        torch.testing.assert_close(cost[i, row], expected, atol=atol, rtol=1e-5)


def blobs(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 30), st.integers(1, 4), st.integers(1, 34), st.booleans(), st.booleans(), st.booleans(), st.data()
)
def test_equals_brute_force(n, d, k, loop, cosine, batched, data):
    # Small integers make duplicates, zero rows and ties common.
    entries = st.lists(st.integers(-2, 2), min_size=n * d, max_size=n * d)
    x = torch.tensor(data.draw(entries), dtype=torch.float32).view(n, d)
    batch = None
    if batched:
        batch = torch.tensor(data.draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n)))
    check(knn_graph(x, k, batch, loop=loop, cosine=cosine), x, k, batch, loop, cosine)


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_faiss_equals_torch(kind, cosine):
    pytest.importorskip("faiss")
    x = blobs(300, 8)
    x[100:110] = x[0]
    x[200] = 0
    # As exact as can be: every cell is visited, and more candidates are kept than there are rows.
    settings_ = {"num_cells": 8, "num_cells_to_visit": 8} if kind == "ivf" else {"ef": 512} if kind == "hnsw" else {}
    index = KNNIndex(kind, cosine=cosine, backend="faiss", **settings_)
    check(knn_graph(x, 5, cosine=cosine), x, 5, cosine=cosine)
    check(knn_graph(x, 5, cosine=cosine, index=index), x, 5, cosine=cosine)
    assert len(index) == 0
    batch = torch.arange(300) % 2
    check(knn_graph(x, 5, batch, cosine=cosine, index=index), x, 5, batch, cosine=cosine)


@pytest.mark.parametrize("cosine", [False, True])
def test_default_paths_agree(monkeypatch, cosine):
    pytest.importorskip("faiss")
    x = blobs(700, 16).repeat(2, 1)
    tiles = knn_graph(x, 6, cosine=cosine)
    monkeypatch.setattr(knn_module, "FAISS_NODES", 1)
    monkeypatch.setattr(knn_module, "_search_tiles", None)
    faiss = knn_graph(x, 6, cosine=cosine)
    cost = costs(x, cosine)
    assert torch.equal(faiss[1], tiles[1])
    torch.testing.assert_close(cost[tuple(faiss)], cost[tuple(tiles)], atol=1e-5, rtol=1e-5)


def test_tiles_hold_no_square_matrix(monkeypatch):
    x, batch = blobs(200, 4), torch.arange(200) // 7
    whole = [knn_graph(x, 3), knn_graph(x, 3, batch)]
    widths = []
    original = knn_module.nearest

    def spy(query, rows, *args):
        widths.append((query.size(0), rows.size(0)))
        return original(query, rows, *args)

    monkeypatch.setattr(knn_module, "nearest", spy)
    monkeypatch.setattr(knn_module, "tile_rows", lambda columns, device: 9)
    tiled = [knn_graph(x, 3), knn_graph(x, 3, batch)]
    assert all(torch.equal(a, b) for a, b in zip(whole, tiled))
    assert widths[0] == (9, 200) and max(q for q, _ in widths) == 9
    assert max(width for _, width in widths[23:]) <= 21  # rows of at most three examples of seven


@pytest.mark.parametrize("cosine", [False, True])
def test_duplicates_are_neighbors_and_self_is_not(cosine):
    edge_index = knn_graph(torch.ones(6, 3), 4, cosine=cosine)
    assert edge_index.shape == (2, 24) and not (edge_index[0] == edge_index[1]).any()
    looped = knn_graph(torch.ones(6, 3), 4, loop=True, cosine=cosine)
    assert looped.shape == (2, 24) and looped[0].view(6, 4)[:, 0].tolist() == list(range(6))


def test_small_inputs():
    assert knn_graph(torch.empty(0, 3), 2).shape == (2, 0)
    assert knn_graph(torch.empty(0, 3), 2, torch.empty(0, dtype=torch.long), loop=True).shape == (2, 0)
    assert knn_graph(torch.ones(1, 3), 2).shape == (2, 0)
    assert knn_graph(torch.ones(1, 3), 2, loop=True).tolist() == [[0], [0]]
    assert knn_graph(torch.ones(3, 3), 1, loop=True).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert knn_graph(torch.eye(3), 10**9).shape == (2, 6)
    assert knn_graph(torch.zeros(4, 2), 2, cosine=True).shape == (2, 8)


def test_flow():
    x = torch.tensor([[0.0], [1.0], [3.0]])
    assert knn_graph(x, 1).tolist() == [[1, 0, 1], [0, 1, 2]]
    assert knn_graph(x, 1, flow="target_to_source").tolist() == [[0, 1, 2], [1, 0, 1]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("index", [None, "flat"])
def test_dtypes(dtype, index):
    x = blobs(40, 6).to(dtype)
    check(knn_graph(x, 4, index=index), x, 4)
    check(knn_graph(x, 4, cosine=True, index=index), x, 4, cosine=True)


def test_strides_gradients_and_autocast():
    x = blobs(6, 40)
    expected = knn_graph(x.t().contiguous(), 4)
    assert torch.equal(knn_graph(x.t(), 4), expected)
    assert torch.equal(knn_graph(x.t().clone().requires_grad_(), 4), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(knn_graph(x.t(), 4), expected)


@pytest.mark.parametrize("index", [None, "flat"])
@pytest.mark.parametrize("scale,shift", [(1, 1000), (1e-30, 0), (1e30, 0), (1, 0)])
def test_scale_and_origin_do_not_matter(scale, shift, index):
    x = blobs(50, 3)
    x = (x * 64).round() / 64  # exact after the shift
    assert torch.equal(knn_graph((x + shift) * scale, 5, index=index), knn_graph(x, 5))
    if shift == 0:
        assert torch.equal(knn_graph(x * scale, 5, cosine=True, index=index), knn_graph(x, 5, cosine=True))


def test_examples_far_apart():
    x = blobs(60, 2)
    batch = torch.arange(60) % 2
    far = x + 1e4 * batch[:, None].float() * torch.tensor([1.0, -1.0])
    assert torch.equal(knn_graph(far, 3, batch), knn_graph(far.double(), 3, batch))


@pytest.mark.parametrize("index", [None, "flat", "hnsw"])
def test_deterministic(index):
    x = blobs(500, 4).round()
    assert torch.equal(knn_graph(x, 5, index=index), knn_graph(x, 5, index=index))


@pytest.mark.parametrize(
    "name,call",
    [
        ("x", lambda x: knn_graph(x[0], 2)),
        ("x", lambda x: knn_graph(x.long(), 2)),
        ("x", lambda x: knn_graph(x * float("nan"), 2)),
        ("x", lambda x: knn_graph(x[:, :0], 2)),
        ("k", lambda x: knn_graph(x, 0)),
        ("k", lambda x: knn_graph(x, 1.5)),
        ("k", lambda x: knn_graph(x, True)),
        ("batch", lambda x: knn_graph(x, 2, torch.zeros(3, dtype=torch.long))),
        ("batch", lambda x: knn_graph(x, 2, torch.zeros(4))),
        ("flow", lambda x: knn_graph(x, 2, flow="both")),
        ("kind", lambda x: knn_graph(x, 2, index="tree")),
        ("index", lambda x: knn_graph(x, 2, index=3)),
        ("index", lambda x: knn_graph(x, 2, index=KNNIndex(cosine=True))),
    ],
)
def test_errors_name_the_argument(name, call):
    with pytest.raises(ValueError, match=f"'{name}' must"):
        call(torch.ones(4, 3))
