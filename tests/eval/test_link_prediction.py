import dataclasses
import random
from collections import Counter

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch_geometric.data import Data
from torch_geometric.utils import erdos_renyi_graph, to_undirected

from gnnclr.eval.link_prediction import PAIRS, LinkSplit, centered_auc, link_prediction
from gnnclr.eval.non_edges import sample_non_edges


def graph(n=200, p=0.05, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        edge_index = erdos_renyi_graph(n, p)
    return Data(x=torch.randn(n, 4), edge_index=edge_index, edge_weight=torch.ones(edge_index.size(1)))


def undirected(pairs):
    return {tuple(sorted(pair)) for pair in pairs.t().tolist()}


def test_split_partitions_the_edges():
    data = graph()
    edges = undirected(data.edge_index)
    split = LinkSplit.random(data, val=0.1, test=0.2)
    parts = [undirected(p) for p in (split.train.edge_index, split.val_positive, split.test_positive)]
    assert set().union(*parts) == edges and sum(map(len, parts)) == len(edges)
    assert [len(p) for p in parts[1:]] == [int(0.1 * len(edges)), int(0.2 * len(edges))]
    assert split.train.is_undirected() and split.train.num_nodes == 200 and split.train.edge_weight.eq(1).all()
    assert split.train.x is data.x and "edge_weight" in data and data.num_edges == 2 * len(edges)
    assert str(split) == f"LinkSplit(train={len(parts[0])}, val={len(parts[1])}, test={len(parts[2])})"


def test_weights_follow_their_edges():
    data = graph(40, 0.3)
    low, high = data.edge_index.amin(dim=0), data.edge_index.amax(dim=0)
    data.edge_weight = (low * 40 + high).float()
    data.edge_attr = torch.rand(data.num_edges, 2)
    train, plain = LinkSplit.random(data).train, data.clone()
    del plain.edge_weight
    edge_index = LinkSplit.random(plain).train.edge_index
    assert train.edge_index.equal(edge_index) and "edge_attr" not in train  # weights change no split
    assert train.edge_weight.equal((edge_index.amin(dim=0) * 40 + edge_index.amax(dim=0)).float())


def test_negatives_are_no_edges_in_any_direction():
    data = graph(30, 0.5)
    split = LinkSplit.random(data)
    negative = torch.cat([split.val_negative, split.test_negative], dim=1)
    assert not undirected(negative) & undirected(data.edge_index)
    assert (negative[0] != negative[1]).all()
    assert split.val_negative.size(1) == split.val_positive.size(1)
    assert split.test_negative.size(1) == split.test_positive.size(1)
    assert len(set(map(tuple, negative.t().tolist()))) == negative.size(1)


@pytest.mark.parametrize("n, p, seed", [(30, 0.5, 0), (60, 0.6, 1), (60, 0.6, 2), (12, 0.8, 0), (300, 0.01, 0)])
def test_no_pair_is_in_two_sets_in_any_direction(n, p, seed):
    data = graph(n, p, seed)
    split = LinkSplit.random(data, 0.1, 0.1, seed)
    sets = [split.train.edge_index[:, split.train.edge_index[0] < split.train.edge_index[1]]]
    sets += [getattr(split, name) for name in PAIRS]
    assert sum(pairs.size(1) for pairs in sets) == len(set().union(*map(undirected, sets)))
    assert all((pairs[0] != pairs[1]).all() for pairs in sets)
    assert not (undirected(sets[2]) | undirected(sets[4])) & undirected(data.edge_index)


def test_all_pairs_without_an_edge_are_drawn_alike():
    edges = torch.tensor([[0, 4, 2], [1, 0, 3]])
    free = {(i, j) for i in range(5) for j in range(i + 1, 5)} - {(0, 1), (0, 4), (2, 3)}
    assert undirected(sample_non_edges(edges, 5, 7)) == free  # all there are
    drawn = Counter(tuple(sample_non_edges(edges, 5, 1, seed)[:, 0].tolist()) for seed in range(1400))
    assert set(drawn) == free and all(abs(count - 200) < 60 for count in drawn.values())
    assert sample_non_edges(edges[:, :0], 2, 1).tolist() == [[0], [1]]


def test_the_largest_number_of_negatives():
    # 45 pairs, 36 edges, 9 without one: as many are held out.
    edges = torch.combinations(torch.arange(10)).t()[:, :36]
    data = Data(edge_index=edges, num_nodes=10)
    split = LinkSplit.random(data, 0.12, 0.15)
    assert split.val_negative.size(1) + split.test_negative.size(1) == 9
    with pytest.raises(ValueError, match=r"for each one held out \(got 9 of these pairs for 10 edges\)"):
        LinkSplit.random(data, 0.12, 0.17)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: {"test_negative": s.val_negative.flip(0)}, "'test_negative' and 'val_negative' must share no pair"),
        (lambda s: {"val_negative": s.val_positive.flip(0)}, "'val_negative' and 'val_positive' must share no pair"),
        (lambda s: {"test_positive": s.train.edge_index[:, :1]}, r"'test_positive' and 'train\.edge_index' must share"),
        (lambda s: {"val_negative": s.val_negative[:, :1].repeat(1, 2)}, r"each pair once, .* \(got 1 repeats\)"),
        (lambda s: {"val_negative": torch.cat([s.val_negative, s.val_negative.flip(0)], 1)}, "in one direction"),
        (lambda s: {"test_negative": torch.tensor([[3], [3]])}, "'test_negative' must hold pairs of different nodes"),
        (lambda s: {"train": None}, "'train' must be a Data"),
    ],
)
def test_sets_that_share_a_pair_are_refused(change, message):
    split = LinkSplit.random(graph())
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(split, **change(split))


def test_no_copy_of_a_held_out_edge_is_left():
    # Directed edges with copies and self-loops: the other direction would give a held-out edge away.
    data = graph()
    half = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    loops = torch.arange(200).expand(2, -1)
    messy = Data(edge_index=torch.cat([half, half, loops], dim=1), num_nodes=200)
    split = LinkSplit.random(messy)
    held = undirected(torch.cat([split.val_positive, split.test_positive], dim=1))
    assert not held & undirected(split.train.edge_index) and not split.train.has_self_loops()
    assert len(undirected(split.train.edge_index)) + len(held) == half.size(1)


def test_seed_and_global_generators():
    data, state, own = graph(), torch.get_rng_state(), random.getstate()
    a, b, c = (LinkSplit.random(data, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state()) and own == random.getstate()
    assert all(torch.equal(getattr(a, k), getattr(b, k)) for k in ("test_positive", "test_negative", "val_negative"))
    assert not torch.equal(a.test_positive, c.test_positive) and not torch.equal(a.test_negative, c.test_negative)


def cliques(count=10, size=12):
    clique = torch.arange(count * size) // size
    edge_index = torch.stack(torch.meshgrid(*[torch.arange(count * size)] * 2, indexing="ij")).flatten(1)
    same = (clique[edge_index[0]] == clique[edge_index[1]]) & (edge_index[0] != edge_index[1])
    return Data(edge_index=edge_index[:, same], num_nodes=count * size), clique


def test_perfect_embeddings():
    data, clique = cliques()
    result = link_prediction(torch.eye(10)[clique], LinkSplit.random(data))
    assert (result.auc, result.ap, result.val_auc, result.score) == (1.0, 1.0, 1.0, "cosine")


def test_worst_and_constant_embeddings():
    # A complete bipartite graph whose parts are opposite: all that is alike is no edge.
    part = torch.arange(40) % 2
    index = torch.combinations(torch.arange(40)).t()
    data = Data(edge_index=index[:, part[index[0]] != part[index[1]]], num_nodes=40)
    split = LinkSplit.random(data)
    result = link_prediction(torch.eye(2)[part], split)
    assert result.auc == 0.0 and result.ap <= 0.5
    constant = link_prediction(torch.ones(40, 3), split)
    assert constant.auc == 0.5 and constant.ap == pytest.approx(0.5)


def test_random_embeddings_are_at_chance_level():
    split = LinkSplit.random(graph(2000, 0.01))
    result = link_prediction(torch.randn(2000, 16, generator=torch.Generator().manual_seed(0)), split)
    assert result.auc == pytest.approx(0.5, abs=0.03) and result.ap == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("score", ["cosine", "dot"])
def test_equals_the_literal_reference(score):
    split = LinkSplit.random(graph())
    z = torch.randn(200, 4, generator=torch.Generator().manual_seed(1))
    rows = z / z.norm(dim=1, keepdim=True) if score == "cosine" else z
    similarity = rows @ rows.t()
    for kind, names in (("test", ("auc", "ap")), ("val", ("val_auc",))):
        positive, negative = (getattr(split, f"{kind}_{sign}") for sign in ("positive", "negative"))
        scores = torch.cat([similarity[tuple(positive)], similarity[tuple(negative)]])
        truth = torch.cat([torch.ones(positive.size(1)), torch.zeros(negative.size(1))])
        result = link_prediction(z, split, scores=(score,))
        for name, metric in zip(names, (roc_auc_score, average_precision_score)):
            assert getattr(result, name) == pytest.approx(metric(truth, scores), abs=1e-6)


def test_validation_chooses_the_score():
    # Hubs are long: their product with each other is large, their directions say nothing.
    n = 60
    hub = torch.arange(n) < 20
    index = torch.combinations(torch.arange(20)).t()
    data = Data(edge_index=to_undirected(index), num_nodes=n)
    generator = torch.Generator().manual_seed(0)
    z = torch.ones(n, 2) + 0.01 * torch.randn(n, 2, generator=generator)
    z = torch.where(hub[:, None], 10 * z, z)
    result = link_prediction(z, LinkSplit.random(data, 0.3, 0.3))
    assert result.score == "dot" and result.auc == 1.0
    assert link_prediction(z, LinkSplit.random(data, 0.3, 0.3), scores=("cosine",)).auc < 0.9


def test_a_graph_too_large_for_a_matrix():
    n, generator = 100_000, torch.Generator().manual_seed(0)
    data = Data(edge_index=torch.randint(n, (2, 60_000), generator=generator), num_nodes=n)  # n × n: 40 GB
    result = link_prediction(torch.randn(n, 8, generator=generator), LinkSplit.random(data))
    assert result.auc == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"val": 0.0}, "'val' must be a finite number, above 0, below 1"),
        ({"test": 0.96}, "'val' and 'test' must be positive shares"),
        ({"data": Data(edge_index=torch.tensor([[0], [1]]), num_nodes=4)}, "must have edges for train, val and test"),
        ({"data": Data(edge_index=torch.rand(2, 3), num_nodes=4)}, r"'data\.edge_index' must be an integer tensor"),
        ({"data": None}, "'data' must be a Data with edges"),
        ({"data": Data(edge_index=torch.tensor([[0], [4]]), num_nodes=4)}, "must hold nodes between 0 and 3"),
        ({"data": Data(edge_index=torch.tensor([[0], [-1]]), num_nodes=4)}, "must hold nodes between 0 and 3"),
        ({"val": None}, "'val' must be a finite number, above 0, below 1"),
        ({"data": cliques(1, 20)[0]}, "'data' must have a pair without an edge for each one held out"),
    ],
)
def test_errors_of_the_split(change, message):
    with pytest.raises(ValueError, match=message):
        LinkSplit.random(**{"data": graph(), "val": 0.05, "test": 0.1} | change)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"z": torch.randn(199, 4)}, r"'z' must have shape \[200, d\]"),
        ({"z": torch.full((200, 4), float("nan"))}, "'z' must be finite"),
        ({"scores": ("mlp",)}, "'scores' must be one of 'cosine', 'dot'"),
        ({"scores": ()}, "'scores' must not be empty"),
        ({"scores": "cosine"}, "'scores' must be a sequence"),
        ({"split": None}, "'split' must be a LinkSplit"),
    ],
)
def test_errors(change, message):
    arguments = {"z": torch.randn(200, 4), "split": LinkSplit.random(graph())} | change
    with pytest.raises(ValueError, match=message):
        link_prediction(**arguments)


def test_an_empty_part_is_refused():
    split = LinkSplit.random(graph())
    with pytest.raises(ValueError, match="'test_positive' must not be empty"):
        dataclasses.replace(split, test_positive=torch.empty(2, 0, dtype=torch.long))


def test_pairs_of_other_nodes_are_refused():
    split = LinkSplit.random(graph())
    with pytest.raises(ValueError, match=r"'split\.test_negative' must hold nodes between 0 and 199"):
        link_prediction(torch.randn(200, 4), dataclasses.replace(split, test_negative=split.test_negative + 200))


@pytest.mark.parametrize("scale", [2.0**100, 2.0**-100])
def test_huge_and_tiny_embeddings(scale):
    split, z = LinkSplit.random(graph()), torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    assert link_prediction(z * scale, split) == link_prediction(z, split)


def test_links_are_ranked_by_the_cosine_of_centered_rows():
    data = graph(90)
    split = LinkSplit.random(data)
    z = torch.randn(90, 8) + 100 * torch.randn(8)  # a shared direction hides the others
    c = (z - z.mean(dim=0)).double()
    c = c / c.norm(dim=1, keepdim=True)
    pairs = [(int(i), int(j)) for part in (split.val_positive, split.val_negative) for i, j in part.T]
    truth = [1] * split.val_positive.size(1) + [0] * split.val_negative.size(1)
    expected = roc_auc_score(truth, [float(c[i] @ c[j]) for i, j in pairs])
    assert centered_auc(z, split.val_positive, split.val_negative) == pytest.approx(expected)
