import io

import pytest
import torch
import torch.nn.functional as F
from devices import needs_cuda

from gnnclr.graph import DataNeighbors, KNNIndex
from gnnclr.graph.index import APPROXIMATE_ROWS


def embeddings(n, d=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    center = F.normalize(torch.randn(30, d, generator=generator), dim=1)
    return center[torch.randint(30, (n,), generator=generator)] + 0.1 * torch.randn(n, d, generator=generator)


def nearest(x, k):
    """The literal reference."""
    z = F.normalize(x.double(), dim=1)
    return (z @ z.t()).fill_diagonal_(-2).topk(k).indices


def recall(found, exact):
    return float((exact[:, :, None] == found[:, None]).any(dim=2).double().mean())


@pytest.mark.parametrize("index", ["flat", "auto", KNNIndex("flat", cosine=True, backend="torch")])
def test_neighbors_are_the_nearest_ones(index):
    x = embeddings(300)
    neighbors = DataNeighbors(k=5, index=index).find(x.requires_grad_(), epoch=0)
    exact = nearest(x.detach(), 5)
    assert torch.equal(neighbors.neighbor, exact)
    source, target = neighbors.edge_index
    assert torch.equal(source.view(300, 5), exact) and torch.equal(target, torch.arange(300).repeat_interleave(5))


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
def test_recall_of_approximate_searches(index):
    x = embeddings(3000)
    assert recall(DataNeighbors(10, index=index).find(x, 0).neighbor, nearest(x, 10)) > 0.95


def test_auto_is_exact_for_few_samples_and_approximate_for_many():
    pytest.importorskip("faiss")
    x = embeddings(APPROXIMATE_ROWS)
    for n, approximate in ((APPROXIMATE_ROWS - 1, False), (APPROXIMATE_ROWS, True)):
        index = KNNIndex("auto", cosine=True)
        index.add(x[:n])
        assert hasattr(index._index, "nprobe") == approximate
    index.reset()
    for part in x.split(APPROXIMATE_ROWS // 2):  # found out when there are enough
        index.add(part)
    assert hasattr(index._index, "nprobe") and len(index) == APPROXIMATE_ROWS
    found = index.search(x[:300], 10, exclude=torch.arange(300)).index
    z = F.normalize(x, dim=1)
    own = torch.arange(300)
    exact = (z[:300] @ z.t()).index_put((own, own), torch.tensor(-2.0)).topk(10).indices
    assert recall(found, exact) > 0.95


def test_fewer_samples_than_neighbors():
    neighbor = DataNeighbors(k=4).find(embeddings(3), 0).neighbor
    assert neighbor.shape == (3, 4) and (neighbor[:, 2:] == -1).all() and (neighbor[:, :2] >= 0).all()
    for n in (0, 1):
        assert DataNeighbors(k=4).find(torch.zeros(n, 2), 0).edge_index.shape == (2, 0)


def test_made_anew_every_so_many_epochs():
    neighbors, made = DataNeighbors(k=2, every=3, start=2), []
    for epoch in range(9):
        if neighbors.is_due(epoch):
            neighbors.find(embeddings(20, seed=epoch), epoch)
            made.append(epoch)
        assert (neighbors.edge_index.size(1) == 0) == (epoch < 2)
    assert made == [0, 2, 5, 8]


@pytest.mark.parametrize("epoch", [0, 3])
def test_state_is_the_graph_at_hand(epoch):
    neighbors = DataNeighbors(k=3, every=2, start=1).find(embeddings(20), epoch)
    file = io.BytesIO()
    torch.save(neighbors.state_dict(), file)
    file.seek(0)
    other = DataNeighbors(k=3, every=2, start=1)
    assert other.state_dict() == {} and other.is_due(epoch)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other.neighbor, neighbors.neighbor) and other.neighbor.dtype == torch.long
    assert [other.is_due(e) for e in range(6)] == [neighbors.is_due(e) for e in range(6)]
    assert not other.is_due(epoch)
    other.load_state_dict({})
    assert other.neighbor is None and other.is_due(epoch)


def test_share_of_edges_within_a_class():
    neighbors = DataNeighbors(k=2).find(embeddings(40), 0)
    labels = torch.arange(40) % 3 - 1
    known = [
        labels[i] == labels[j]
        for i in range(40)
        for j in neighbors.neighbor[i].tolist()
        if labels[i] >= 0 and labels[j] >= 0
    ]
    assert 0 < len(known) < 80 and neighbors.share_within(labels) == pytest.approx(sum(known) / len(known))
    assert neighbors.share_within(torch.full((40,), -1)) is None
    assert neighbors.share_within(torch.zeros(40, dtype=torch.long)) == 1


@needs_cuda
@pytest.mark.parametrize("index", ["flat", "ivf"])
def test_cuda(index):
    """With FAISS for GPUs by its index, and by torch without."""
    x = embeddings(3000)
    neighbor = DataNeighbors(10, index=index).find(x.cuda(), 0).neighbor
    assert neighbor.device.type == "cpu" and recall(neighbor, nearest(x, 10)) > 0.95


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "'k' must be a positive integer"),
        ({"every": 1.5}, "'every' must be a positive integer"),
        ({"start": -1}, "'start' must be"),
        ({"index": "tree"}, "'kind' must be one of 'flat', 'ivf', 'hnsw', 'auto'"),
        ({"index": 3}, "'index' must be 'flat', 'ivf', 'hnsw', 'auto' or a KNNIndex with cosine=True"),
        ({"index": KNNIndex("ivf")}, "'index' must be .* a KNNIndex with cosine=True"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DataNeighbors(**arguments)


def test_wrong_tensors():
    neighbors = DataNeighbors(k=2)
    with pytest.raises(ValueError, match="'neighbors' must be found before they are used"):
        _ = neighbors.edge_index
    with pytest.raises(ValueError, match="'x' must"):
        neighbors.find(torch.full((3, 2), float("nan")), 0)
    with pytest.raises(ValueError, match=r"'labels' must be an integer tensor of shape \[3\]"):
        neighbors.find(torch.rand(3, 2), 0).share_within(torch.zeros(4, dtype=torch.long))


def test_repr():
    assert str(DataNeighbors(5, every=2)) == "DataNeighbors(k=5, every=2, start=0, index='auto')"
