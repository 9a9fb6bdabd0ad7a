import copy
import pickle
import sys
import warnings

import pytest
import torch
from devices import needs_cuda
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnclr.graph import index as index_module
from gnnclr.graph.index import KNNIndex, gpu_resources, to_gpu

faiss = pytest.importorskip("faiss")
inf = float("inf")


def clusters(n, d=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    center = torch.randn(20, d, generator=generator)
    return center[torch.randint(20, (n,), generator=generator)] + 0.3 * torch.randn(n, d, generator=generator)


def literal(rows, query, cosine):
    rows, query = rows.double(), query.double()
    if cosine:
        rows, query = (torch.nn.functional.normalize(value, dim=1) for value in (rows, query))
        return query @ rows.t()
    return -(query[:, None] - rows[None]).square().sum(dim=2)


@pytest.fixture
def fresh_warning():
    index_module.warn_exact.cache_clear()
    yield
    index_module.warn_exact.cache_clear()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(1, 25),
    st.integers(1, 6),
    st.integers(1, 30),
    st.booleans(),
    st.sampled_from(["faiss", "torch"]),
    st.integers(0, 9),
)
def test_flat_equals_brute_force(n, queries, k, cosine, backend, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(-2, 3, (n, 2), generator=generator).float()
    query = torch.randint(-2, 3, (queries, 2), generator=generator).float()
    exclude = torch.randint(-1, n, (queries,), generator=generator)
    index = KNNIndex(cosine=cosine, backend=backend)
    index.add(rows)
    score, found = index.search(query, k, exclude=exclude)
    assert score.shape == found.shape == (queries, k)
    expected = literal(rows, query, cosine)
    for i in range(queries):
        hits = n - int(exclude[i] >= 0)
        order = expected[i].clone()
        if exclude[i] >= 0:
            order[exclude[i]] = -inf
        best = order.sort(descending=True).values[: min(k, hits)].float()
        torch.testing.assert_close(score[i, : best.numel()], best, atol=1e-5, rtol=1e-5)
        row = found[i, : best.numel()]
        torch.testing.assert_close(order[row].float(), best, atol=1e-5, rtol=1e-5)
        assert row.unique().numel() == row.numel()
        assert (found[i, hits:] == -1).all() and (score[i, hits:] == -inf).all()


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_recall(kind, cosine):
    x = clusters(3000)
    exact, index = KNNIndex(cosine=cosine, backend="torch"), KNNIndex(kind, cosine=cosine)
    own = torch.arange(200)
    found = []
    for one in (exact, index):
        one.add(x)
        found.append(one.search(x[:200], 10, exclude=own))
    recall = (found[0].index[:, :, None] == found[1].index[:, None]).any(dim=2).float().mean()
    assert recall > 0.9
    # The score of what was found is the exact one, and comes best first.
    score = literal(x, x[:200], cosine).gather(1, found[1].index).float()
    torch.testing.assert_close(found[1].score, score, atol=1e-4, rtol=1e-4)
    assert (found[1].score.diff(dim=1) <= 0).all()
    assert not (found[1].index == own[:, None]).any()


@pytest.mark.parametrize("backend", ["faiss", "torch"])
@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_subset(kind, backend):
    x = clusters(1500)
    index = KNNIndex(kind, cosine=True, backend=backend)
    index.add(x)
    subset = torch.arange(1500) % 3 == 0
    score, found = index.search(x[:50], 5, exclude=torch.arange(50), subset=subset)
    assert (found >= 0).all() and (found % 3 == 0).all() and not (found == torch.arange(50)[:, None]).any()
    expected = literal(x, x[:50], True).float().masked_fill_(~subset, -inf)
    expected[torch.arange(50), torch.arange(50)] = -inf
    assert (score[:, 0] > expected.amax(dim=1) - 1e-5).float().mean() > 0.9
    assert (index.search(x[:2], 3, subset=torch.zeros(1500, dtype=torch.bool)).index == -1).all()


@pytest.mark.parametrize("backend", ["faiss", "torch"])
@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_add_in_parts_and_reset(kind, backend):
    x = clusters(1200)
    index = KNNIndex(kind, backend=backend, num_cells=16, num_cells_to_visit=16, ef=256)
    assert len(index) == 0 and index.embeddings.numel() == 0
    for part in (x[:50], x[50:50], x[50:]):  # 50 rows are too few to train 16 cells
        index.add(part)
    assert len(index) == 1200 and torch.equal(index.embeddings, x)
    exact = KNNIndex(backend="torch")
    exact.add(x)
    assert (index.search(x, 5).index == exact.search(x, 5).index).float().mean() > 0.99
    assert kind != "ivf" or backend == "torch" or index._index.nlist == 16
    index.reset()
    assert len(index) == 0
    index.add(torch.ones(2, 3))
    assert index.search(torch.ones(1, 3), 3).index[0, 2] == -1


def test_too_few_rows_to_train_are_searched_exactly(capfd):
    x = clusters(200)
    index, exact = KNNIndex("ivf"), KNNIndex("flat")
    for one in (index, exact):
        one.add(x)
    assert torch.equal(index.search(x, 5).index, exact.search(x, 5).index)
    index.reset()
    index.add(clusters(1100))  # as few as are trained: FAISS must not complain
    assert not isinstance(index._index, faiss.IndexFlat)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_equal_rows_give_equal_results(kind):
    x = clusters(2000).round()  # with ties
    found = []
    for _ in range(2):
        index = KNNIndex(kind, cosine=True)
        index.add(x)
        torch.randn(3)
        found.append(index.search(x[:300], 8))
    assert torch.equal(found[0].index, found[1].index) and torch.equal(found[0].score, found[1].score)


@pytest.mark.parametrize("backend", ["faiss", "torch"])
def test_inputs(backend):
    x = clusters(30, d=8)
    index = KNNIndex(cosine=True, backend=backend)
    index.add(torch.cat([x.t().contiguous().t(), torch.zeros(1, 8)]).requires_grad_())
    index.add(x[:3].to(torch.bfloat16))
    index.add(x[:3].double() * 1e-40)
    assert index.embeddings.dtype == torch.float32 and not index.embeddings.requires_grad
    norm = index.embeddings.norm(dim=1)
    torch.testing.assert_close(norm, torch.ones(37).index_fill(0, torch.tensor(30), 0))
    assert (index.search(torch.zeros(1, 8), 37).score == 0).all()
    with torch.autocast("cpu", torch.bfloat16):
        assert index.search(x.half(), 2).score.dtype == torch.float32
    assert index.search(x[:0], 3).index.shape == (0, 3)
    assert KNNIndex(backend=backend).search(x, 3).index.unique().tolist() == [-1]


@pytest.mark.parametrize("backend", ["faiss", "torch"])
@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_copies(kind, backend):
    x = clusters(1200)
    index = KNNIndex(kind, backend=backend)
    index.add(x)
    expected = index.search(x[:20], 4).index
    for twin in (copy.deepcopy(index), pickle.loads(pickle.dumps(index))):
        twin.add(x[:1])
        assert len(twin) == 1201 and len(index) == 1200
        assert torch.equal(index.search(x[:20], 4).index, expected)


def test_threads_are_left_alone():
    before = torch.get_num_threads(), faiss.omp_get_max_threads()
    index = KNNIndex("hnsw")
    index.add(clusters(100))
    index.search(clusters(10), 3)
    assert (torch.get_num_threads(), faiss.omp_get_max_threads()) == before


def test_without_faiss(monkeypatch, fresh_warning):
    monkeypatch.setattr(index_module, "load_faiss", lambda: None)
    x = clusters(100)
    with pytest.warns(UserWarning, match=r'faiss is not installed.*pip install "gnnclr\[cpu\]"'):
        index = KNNIndex("hnsw")
        index.add(x)
    assert index.search(x, 1).index.flatten().tolist() == list(range(100))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KNNIndex("ivf").add(x)  # says so once
        KNNIndex(backend="torch").add(x)
    with pytest.raises(ImportError, match=r'pip install "gnnclr\[cpu\]"'):
        KNNIndex(backend="faiss").add(x)


def test_macos_takes_torch(monkeypatch, fresh_warning):
    monkeypatch.setattr(sys, "platform", "darwin")
    index = KNNIndex("ivf")
    with pytest.warns(UserWarning, match="macOS"):
        index.add(clusters(10))
    assert index._index is None and len(index) == 10


def test_gpu_placement():
    class Resources:
        made, memory = 0, None

        def __init__(self):
            type(self).made += 1

        def setTempMemory(self, size):
            type(self).memory = size

    def place(resources, device, index):
        if index is None:
            raise RuntimeError("no kernel image")
        return device, index

    gpu_resources.cache_clear()
    module = type("Module", (), {"StandardGpuResources": Resources, "index_cpu_to_gpu": staticmethod(place)})
    assert to_gpu(module, "index", 1) == (1, "index") and to_gpu(module, "other", 1) == (1, "other")
    assert Resources.made == 1 and Resources.memory == 64 * 2**20
    assert to_gpu(module, None, 1) is None
    gpu_resources.cache_clear()


def test_search_falls_back_when_the_gpu_index_fails():
    x = clusters(50)
    index = KNNIndex()
    index.add(x)
    expected = index.search(x, 3, exclude=torch.arange(50)).index
    index._rows = x

    class Failing:
        ntotal = 50

        def search(self, *args, **kwargs):
            raise RuntimeError("out of memory")

    index._index = Failing()
    assert torch.equal(index.search(x, 3, exclude=torch.arange(50)).index, expected) and index._index is None


@needs_cuda
@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_cuda(kind):
    x = clusters(2000).cuda()
    index, exact = KNNIndex(kind, cosine=True), KNNIndex(cosine=True)
    index.add(x)
    exact.add(x.cpu())
    found, expected = index.search(x, 5), exact.search(x.cpu(), 5)
    assert found.index.is_cuda and len(index) == 2000
    assert (found.index.cpu() == expected.index).float().mean() > 0.9


@pytest.mark.parametrize(
    "name,call",
    [
        ("kind", lambda x: KNNIndex("tree")),
        ("backend", lambda x: KNNIndex(backend="jax")),
        ("num_cells", lambda x: KNNIndex(num_cells=0)),
        ("ef", lambda x: KNNIndex(ef=-1)),
        ("x", lambda x: KNNIndex().add(x[0])),
        ("x", lambda x: KNNIndex().add(x / 0)),
    ],
)
def test_errors_name_the_argument(name, call):
    with pytest.raises(ValueError, match=f"'{name}' must"):
        call(torch.ones(4, 3))


@pytest.mark.parametrize("backend", ["faiss", "torch"])
@pytest.mark.parametrize(
    "name,call",
    [
        ("x", lambda index, x: index.add(x[:, :2])),
        ("x", lambda index, x: index.search(x[:, :2], 1)),
        ("x", lambda index, x: index.search(x * float("nan"), 1)),
        ("k", lambda index, x: index.search(x, 0)),
        ("exclude", lambda index, x: index.search(x, 1, exclude=torch.zeros(3, dtype=torch.long))),
        ("exclude", lambda index, x: index.search(x, 1, exclude=3)),
        ("subset", lambda index, x: index.search(x, 1, subset=torch.zeros(4, dtype=torch.long))),
        ("subset", lambda index, x: index.search(x, 1, subset=torch.zeros(3, dtype=torch.bool))),
    ],
)
def test_errors_of_a_filled_index(name, call, backend):
    index = KNNIndex(backend=backend)
    index.add(torch.ones(4, 3))
    with pytest.raises(ValueError, match=f"'{name}' must"):
        call(index, torch.ones(4, 3))


@pytest.mark.parametrize("scale", [1e19, 1e30, 1e-30])
def test_distances_beyond_float32_are_refused(scale):
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="'x' must have its largest entry between 1e-15 and 1e"):
        KNNIndex().add(x * scale)
    index = KNNIndex(cosine=True)
    index.add(x * scale)
    assert index.search(x, 1).index[:, 0].tolist() == list(range(9))
