import networkx as nx
import pytest
import torch
from torch_geometric.utils import from_networkx, to_undirected

from gnnclr.graph import WeightedEdges
from gnnclr.node import centrality
from gnnclr.node.transforms.centrality import eigenvector_centrality, pagerank

GRAPHS = {
    "karate": nx.karate_club_graph().to_directed(),
    "star": nx.star_graph(5).to_directed(),
    "directed, with dangling nodes": nx.gnp_random_graph(30, 0.1, seed=1, directed=True),
    "isolated nodes and a self-loop": nx.Graph([(0, 1), (1, 2), (2, 0), (2, 2)]).to_directed(),
}
GRAPHS["isolated nodes and a self-loop"].add_nodes_from([3, 4])


def edges(graph):
    graph = nx.convert_node_labels_to_integers(graph, ordering="sorted")
    plain = nx.DiGraph()
    plain.add_nodes_from(range(graph.number_of_nodes()))
    plain.add_edges_from(graph.edges)
    return plain, from_networkx(plain).edge_index, plain.number_of_nodes()


@pytest.mark.parametrize("name", GRAPHS)
def test_pagerank_equals_networkx(name):
    graph, edge_index, n = edges(GRAPHS[name])
    expected = nx.pagerank(graph, alpha=0.85, tol=1e-10, max_iter=1000)
    actual = pagerank(edge_index, n, 0.85, 200)
    assert torch.allclose(actual, torch.tensor([expected[i] for i in range(n)]).float(), atol=1e-5)
    assert actual.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["karate", "star"])
def test_eigenvector_centrality_equals_networkx(name):
    graph, edge_index, n = edges(GRAPHS[name])
    expected = nx.eigenvector_centrality(graph, max_iter=5000, tol=1e-10)
    assert torch.allclose(
        eigenvector_centrality(edge_index, n, 500), torch.tensor([expected[i] for i in range(n)]).float(), atol=1e-4
    )


def test_degree_counts_neighbors_of_either_direction():
    edge_index = torch.tensor([[0, 1, 2, 2], [1, 0, 1, 1]])
    assert centrality(edge_index, 4, "degree").tolist() == [1, 2, 1, 0]
    both = to_undirected(edge_index)
    assert centrality(both, 4).tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize("kind", ["degree", "pagerank", "eigenvector"])
def test_no_edges(kind):
    value = centrality(torch.empty(2, 0, dtype=torch.long), 3, kind)
    assert value.isfinite().all() and (value == value[0]).all()


def test_errors():
    with pytest.raises(ValueError, match="'kind' must be one of 'degree', 'pagerank', 'eigenvector'"):
        centrality(torch.empty(2, 0, dtype=torch.long), 3, "betweenness")
    with pytest.raises(ValueError, match="'edge_index' must be an integer tensor"):
        centrality(torch.empty(2, 0), 3)


@pytest.mark.parametrize("kind", ["degree", "pagerank", "eigenvector"])
def test_edges_must_be_between_nodes(kind):
    for edge in ([[0], [3]], [[-1], [0]]):
        with pytest.raises(ValueError, match="'edge_index' must hold nodes between 0 and 2"):
            centrality(torch.tensor(edge), 3, kind)
    assert centrality(torch.empty(2, 0, dtype=torch.long), 0, kind).shape == (0,)


def weighted(name):
    graph, edge_index, n = edges(GRAPHS[name])
    torch.manual_seed(0)
    weight = torch.rand(edge_index.size(1), dtype=torch.float64) + 0.1
    for (u, v), w in zip(edge_index.t().tolist(), weight.tolist()):
        graph[u][v]["weight"] = w
    return graph, WeightedEdges(edge_index, weight), n


@pytest.mark.parametrize("name", GRAPHS)
def test_weighted_pagerank_equals_networkx(name):
    graph, weighed, n = weighted(name)
    expected = nx.pagerank(graph, alpha=0.85, tol=1e-12, max_iter=1000)
    actual = centrality(weighed, n, "pagerank")
    assert torch.allclose(actual, torch.tensor([expected[i] for i in range(n)]).double(), atol=1e-5)


def test_weighted_eigenvector_and_degree_equal_networkx():
    graph, weighed, n = weighted("karate")
    expected = nx.eigenvector_centrality(graph, max_iter=5000, tol=1e-12, weight="weight")
    actual = centrality(weighed, n, "eigenvector")
    assert torch.allclose(actual, torch.tensor([expected[i] for i in range(n)]).double(), atol=1e-5)
    strength = [sum((graph[i][j]["weight"] + graph[j][i]["weight"]) / 2 for j in graph[i]) for i in range(n)]
    assert torch.allclose(centrality(weighed, n, "degree"), torch.tensor(strength).double())


@pytest.mark.parametrize("kind", ["degree", "pagerank", "eigenvector"])
@pytest.mark.parametrize("name", GRAPHS)
def test_weights_of_one_change_nothing(name, kind):
    _, edge_index, n = edges(GRAPHS[name])
    ones = WeightedEdges(edge_index, torch.ones(edge_index.size(1)))
    assert torch.allclose(centrality(ones, n, kind), centrality(edge_index, n, kind), atol=1e-7)
    none = WeightedEdges(edge_index, torch.zeros(edge_index.size(1)))
    assert centrality(none, n, kind).isfinite().all()
