import os
import sys

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from torch_geometric.utils import barabasi_albert_graph, erdos_renyi_graph

from gnnclr.graph.communities import (
    ExcludeCommunity,
    co_association,
    leiden,
    louvain,
    merge_small,
    modularity,
    negative_quality,
    propagated_kmeans,
)
from gnnclr.node import load_node_data, sbm

DETECTORS = [louvain, leiden]


def cliques(sizes=(5, 4, 6), bridge=True):
    """Cliques, each joined to the next by one edge."""
    edges, start = [], 0
    for size in sizes:
        edges += [(i, j) for i in range(start, start + size) for j in range(i + 1, start + size)]
        if bridge and start:
            edges.append((start - 1, start))
        start += size
    return torch.tensor(edges).t(), torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))


def is_contiguous(label):
    return label.dtype == torch.int64 and torch.equal(label.unique(), torch.arange(int(label.max()) + 1))


@pytest.mark.parametrize("detect", DETECTORS)
def test_cliques_are_found_from_directed_edges(detect):
    edge_index, truth = cliques()
    for edges in (edge_index, edge_index.flip(0), torch.cat([edge_index, edge_index.flip(0), edge_index], 1)):
        label = detect(edges, 15)
        assert adjusted_rand_score(truth, label) == 1 and is_contiguous(label)
    assert label[9:].eq(0).all()  # the largest first


@pytest.mark.parametrize("detect", DETECTORS)
def test_isolated_nodes_and_self_loops(detect):
    edge_index, truth = cliques()
    edge_index = torch.cat([edge_index, torch.tensor([[15, 3, 17], [15, 3, 17]])], dim=1)
    label = detect(edge_index, 18)
    assert adjusted_rand_score(truth, label[:15]) == 1 and label.unique().numel() == 6
    assert torch.bincount(label)[label[15:]].tolist() == [1, 1, 1]


@pytest.mark.parametrize("detect", DETECTORS)
def test_graphs_without_edges_or_nodes(detect):
    none = torch.empty(2, 0, dtype=torch.long)
    assert detect(none, 4).tolist() == [0, 1, 2, 3] and detect(none, 0).numel() == 0
    assert detect(torch.tensor([[1], [1]]), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("detect", DETECTORS)
def test_seed_and_resolution(detect):
    torch.manual_seed(0)
    edge_index = barabasi_albert_graph(300, 3)
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    labels = [detect(edge_index, 300, seed=seed) for seed in (1, 1, 2, 3)]
    assert torch.equal(state[0], torch.get_rng_state()) and (state[1] == np.random.get_state()[1]).all()
    assert torch.equal(labels[0], labels[1])
    assert not all(torch.equal(labels[0], other) for other in labels[2:])
    coarse, fine = (int(detect(edge_index, 300, resolution=r).max()) for r in (0.3, 3.0))
    assert coarse < fine


@pytest.mark.parametrize("detect", DETECTORS)
def test_as_modular_as_networkx(detect):
    torch.manual_seed(0)
    edge_index = erdos_renyi_graph(200, 0.03)
    graph = nx.Graph(edge_index.t().tolist())
    graph.add_nodes_from(range(200))
    other = nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=0))
    assert modularity(edge_index, detect(edge_index, 200)) > other - 0.03


def test_leiden_ends_and_its_communities_are_connected():
    """Among these is a graph on which the refinement of scikit-network 0.33 runs forever."""
    for seed in range(30, 60):
        generator = torch.Generator().manual_seed(seed)
        n = int(torch.randint(2, 900, (1,), generator=generator))
        edge_index = torch.randint(0, n, (2, 3 * n), generator=generator)
        label, graph = leiden(edge_index, n, seed=seed), nx.Graph(edge_index.t().tolist())
        graph.add_nodes_from(range(n))
        assert (torch.bincount(label).diff() <= 0).all() and is_contiguous(label)
        for c in range(int(label.max()) + 1):
            assert nx.is_connected(graph.subgraph((label == c).nonzero().flatten().tolist()))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(n=st.integers(2, 30), k=st.integers(1, 5), seed=st.integers(0, 99), resolution=st.floats(0.1, 4))
def test_modularity_equals_networkx(n, k, seed, resolution):
    torch.manual_seed(seed)
    edge_index, community = torch.randint(0, n, (2, 3 * n)), torch.randint(0, k, (n,)) * 7
    edges = [pair for pair in edge_index.t().tolist() if pair[0] != pair[1]]
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(n))
    parts = [set((community == c).nonzero().flatten().tolist()) for c in community.unique()]
    expected = nx.community.modularity(graph, parts, resolution=resolution) if edges else 0.0
    assert modularity(edge_index, community, resolution) == pytest.approx(expected, abs=1e-12)


def test_merge_small():
    # Sizes 5, 4, 6, each joined to the next, a pair hanging at the last, and a pair and two single nodes far off.
    edge_index, community = cliques()
    more = torch.tensor([[14, 15, 17], [15, 16, 18]])
    edge_index = torch.cat([edge_index, more], dim=1)
    community = torch.cat([community, torch.tensor([7, 7, 8, 8, 9, 11])])
    assert torch.equal(merge_small(community, edge_index, 0), torch.unique(community, return_inverse=True)[1])
    merged = merge_small(community, edge_index, 3)
    assert merged.tolist() == [0] * 5 + [1] * 4 + [2] * 8 + [3, 3, 4, 5]  # components stay apart
    merged = merge_small(community, edge_index, 5)
    assert merged[:17].tolist() == [0] * 9 + [1] * 8  # a tie of one edge to each side goes to the lower label
    assert merge_small(community, edge_index, 100).tolist() == [0] * 17 + [1, 1, 2, 3]


def test_merge_small_takes_most_edges_and_joins_chains():
    # Node 0 has one edge to community 1 and two to community 2.
    community = torch.tensor([0, 1, 1, 1, 2, 2, 2])
    edges = torch.tensor([[0, 0, 0, 1, 2, 4, 5], [1, 4, 5, 2, 3, 5, 6]])
    assert merge_small(community, edges, 2).tolist() == [0, 1, 1, 1, 0, 0, 0]
    path = torch.stack([torch.arange(19), torch.arange(1, 20)])
    merged = merge_small(torch.arange(20), path, 4)
    assert torch.bincount(merged).min() >= 4 and is_contiguous(merged)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 40),
    k=st.integers(1, 15),
    edges=st.integers(0, 80),
    size=st.integers(0, 9),
    seed=st.integers(0, 99),
)
def test_merge_small_keeps_its_promise(n, k, edges, size, seed):
    torch.manual_seed(seed)
    community, edge_index = torch.randint(0, k, (n,)), torch.randint(0, n, (2, edges))
    merged = merge_small(community, edge_index, size)
    assert is_contiguous(merged)
    for c in community.unique():
        assert merged[community == c].unique().numel() == 1  # communities are joined, never split
    small = (torch.bincount(merged) < size).nonzero().flatten()
    crossing = merged[edge_index[0]] != merged[edge_index[1]]
    # What stays small is without edges to others.
    assert not torch.isin(merged[edge_index[:, crossing]], small).any()
    large = torch.bincount(community, minlength=k) >= max(size, 1)
    assert merged[large[community]].unique().numel() == large.sum()  # large ones are never joined


def test_co_association_is_the_share_of_agreeing_partitions():
    torch.manual_seed(0)
    partitions = [torch.randint(0, k, (9,)) for k in (2, 3, 5)]
    a = co_association(partitions)
    expected = torch.stack([p[:, None] == p for p in partitions]).float().mean(0)
    torch.testing.assert_close(a @ a.t(), expected)
    assert a.size(1) == sum(p.unique().numel() for p in partitions)
    assert co_association([torch.empty(0, dtype=torch.long)]).shape == (0, 0)


def test_co_association_of_low_rank():
    torch.manual_seed(0)
    truth = torch.randint(0, 4, (60,))
    partitions = [truth.where(torch.rand(60) < 0.9, torch.randint(0, 4, (60,))) for _ in range(8)]
    full = co_association(partitions)
    state = torch.get_rng_state()
    low = co_association(partitions, rank=5)
    assert torch.equal(state, torch.get_rng_state()) and low.shape == (60, 5)
    best = torch.linalg.svdvals(full)[5:].square().square().sum().sqrt()  # of all matrices of rank 5
    assert (low @ low.t() - full @ full.t()).norm() < 1.02 * best
    assert torch.equal(low, co_association(partitions, rank=5))
    assert torch.equal(co_association(partitions, rank=500), full)


@pytest.mark.parametrize("faiss", [True, False])
def test_propagated_kmeans(faiss, monkeypatch):
    module = sys.modules["gnnclr.graph.communities.propagated_kmeans"]
    if not faiss:
        monkeypatch.setattr(module, "load_faiss", lambda: None)
    data = sbm(num_nodes=300, num_classes=4)
    state = torch.get_rng_state()
    label = propagated_kmeans(data.x, data.edge_index, 4, rank=16)
    assert torch.equal(state, torch.get_rng_state()) and is_contiguous(label)
    assert adjusted_rand_score(data.y, label) > 0.8
    assert adjusted_rand_score(data.y, propagated_kmeans(data.x, data.edge_index, 4, hops=0, rank=16)) < 0.5
    assert torch.equal(label, propagated_kmeans(data.x.to_sparse_csr(), data.edge_index, 4, rank=16))
    whole = propagated_kmeans(data.x, data.edge_index, 4, rank=10_000)
    assert adjusted_rand_score(data.y, whole) > (0.8 if faiss else 0.4)


def test_propagated_kmeans_of_little():
    none = torch.empty(2, 0, dtype=torch.long)
    assert propagated_kmeans(torch.zeros(3, 2), none, 5).tolist() == [0, 1, 2]
    assert propagated_kmeans(torch.zeros(0, 2), none, 5).numel() == 0
    assert propagated_kmeans(torch.zeros(9, 2), none, 2).numel() == 9  # nothing to tell them apart
    x = torch.tensor([[1.0, 0], [2, 0], [0, 3], [0, 1], [5, 0]])  # directions count, lengths do not
    assert propagated_kmeans(x, none, 2).tolist() in ([0, 0, 1, 1, 0], [1, 1, 0, 0, 1])


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda e, c: louvain(e, 2), "'edge_index' must hold nodes between 0 and 1"),
        (lambda e, c: louvain(e.float(), 9), r"'edge_index' must be an integer tensor of shape \[2, e\]"),
        (lambda e, c: louvain(e, -1), r"'num_nodes' must be an integer, zero or more \(got int -1\)"),
        (lambda e, c: leiden(e, 9.0), "'num_nodes' must be an integer, zero or more"),
        (lambda e, c: louvain(e, None), "'num_nodes' must be an integer, zero or more"),
        (lambda e, c: louvain(e, 0), "'edge_index' must hold nothing where there are no nodes"),
        (lambda e, c: co_association(None), "'partitions' must be a non-empty list"),
        (lambda e, c: louvain(e, 9, resolution=0), "'resolution' must be a positive number"),
        (lambda e, c: leiden(e.t(), 9), "'edge_index' must be an integer tensor"),
        (lambda e, c: leiden(e, 9, resolution=float("nan")), "'resolution' must be a positive number"),
        (lambda e, c: modularity(e, c.float()), r"'community' must be an integer tensor of shape \[n\]"),
        (lambda e, c: modularity(e, c - 1), r"'community' must not be negative \(got -1\)"),
        (lambda e, c: modularity(e, c[:2]), "'edge_index' must hold nodes between 0 and 1"),
        (lambda e, c: merge_small(c, e, -1), "'min_size' must be an integer, zero or more"),
        (lambda e, c: merge_small(c.view(-1, 1), e, 2), "'community' must be an integer tensor"),
        (lambda e, c: co_association([]), "'partitions' must be a non-empty list"),
        (lambda e, c: co_association(c), "'partitions' must be a non-empty list"),
        (lambda e, c: co_association([c, c[:2]]), r"'partitions\[1\]' must be an integer tensor of shape \[5\]"),
        (lambda e, c: co_association([c], rank=0), "'rank' must be a positive integer"),
        (lambda e, c: propagated_kmeans(c, e, 2), "'x' must be a floating point tensor"),
        (lambda e, c: propagated_kmeans(torch.full((5, 2), float("nan")), e, 2), "'x' must be finite"),
        (lambda e, c: propagated_kmeans(torch.zeros(5, 2), e, 0), "'num_communities' must be a positive integer"),
        (lambda e, c: propagated_kmeans(torch.zeros(5, 2), e, 2, hops=-1), "'hops' must be an integer, zero or more"),
        (lambda e, c: propagated_kmeans(torch.zeros(2, 2), e, 2), "'edge_index' must hold nodes between 0 and 1"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.tensor([0, 0, 1, 1, 2]))


@pytest.mark.data
def test_a_community_of_all_small_components_would_be_imprecise():
    data = load_node_data("citeseer", os.environ["GNNCLR_DATA"])
    apart = merge_small(louvain(data.edge_index, data.num_nodes), data.edge_index, 20)
    small = torch.bincount(apart)[apart] < 20
    joined = torch.where(small, int(apart.max()) + 1, apart)
    assert small.float().mean() > 0.3
    precision = [negative_quality(ExcludeCommunity(c), data.y).precision for c in (apart, joined)]
    assert precision[0] > 0.55 and precision[1] < 0.3


@pytest.mark.data
def test_communities_of_cora():
    data = load_node_data("cora", os.environ["GNNCLR_DATA"])
    for detect in DETECTORS:
        label = detect(data.edge_index, data.num_nodes)
        assert modularity(data.edge_index, label) > 0.8 and label.unique().numel() > 78  # its components
        merged = merge_small(label, data.edge_index, 27)
        small = torch.bincount(merged) < 27
        source, target = merged[data.edge_index]
        assert not small[source[source != target]].any() and modularity(data.edge_index, merged) > 0.79
        assert 78 <= merged.unique().numel() < label.unique().numel()
    clusters = propagated_kmeans(data.x, data.edge_index, 7)
    left = [negative_quality(ExcludeCommunity(c), data.y).false_negative_rate for c in (clusters, label)]
    assert left[0] < 0.12 < left[1] < 0.16
