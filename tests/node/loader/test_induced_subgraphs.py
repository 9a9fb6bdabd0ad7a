import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data
from torch_geometric.utils import subgraph

from gnnclr.node.datasets.data import SparseFeatures
from gnnclr.node.datasets.sbm import sbm
from gnnclr.node.loader.induced_subgraphs import InducedSubgraphs


def edges(data):
    weight = data.edge_weight.tolist() if "edge_weight" in data else [1.0] * data.num_edges
    return sorted(zip(*data.edge_index.tolist(), weight))


@given(st.integers(0, 2**31), st.booleans(), st.integers(0, 12))
def test_equals_the_subgraph_of_pyg(seed, by_target, m):
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(12, (2, 40), generator=generator)  # directed, with loops and repetitions
    if by_target:
        edge_index = edge_index[:, edge_index[1].argsort()]
    weight = torch.rand(40, generator=generator)
    data = Data(x=torch.rand(12, 3, generator=generator), edge_index=edge_index, edge_weight=weight, y=torch.arange(12))
    subgraphs = InducedSubgraphs(data)
    for _ in range(2):
        n_id = torch.randperm(12, generator=generator)[:m]
        batch = subgraphs(n_id)
        expected, kept = subgraph(n_id.unique(), edge_index, weight, num_nodes=12)
        assert edges(Data(edge_index=n_id[batch.edge_index], edge_weight=batch.edge_weight)) == edges(
            Data(edge_index=expected, edge_weight=kept)
        )
        assert batch.x.equal(data.x[n_id]) and batch.y.equal(n_id) and batch.n_id.equal(n_id)
        assert bool((batch.edge_index[1].diff() >= 0).all())


def test_sparse_features_and_what_belongs_to_the_graph():
    data = sbm(40, num_features=30, signal=0.0)
    data.name, data.num_nodes = "toy", 40
    sparse = SparseFeatures(max_density=1.0)(data.clone())
    n_id = torch.tensor([7, 3, 39])
    batch = InducedSubgraphs(sparse)(n_id)
    assert batch.x.layout == torch.sparse_csr and batch.x.to_dense().equal(data.x[n_id])
    assert batch.train_mask.equal(data.train_mask[n_id]) and batch.name == "toy" and batch.num_nodes == 3
    assert sparse.x.size(0) == 40 and "n_id" not in sparse


def test_errors():
    subgraphs = InducedSubgraphs(sbm(20, num_features=4))
    with pytest.raises(ValueError, match="'n_id' must be an integer tensor"):
        subgraphs(torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"'data\.edge_index' must hold nodes between 0 and 2"):
        InducedSubgraphs(Data(x=torch.ones(3, 1), edge_index=torch.tensor([[0], [3]])))


def test_nodes_that_repeat_or_are_none():
    subgraphs = InducedSubgraphs(sbm(20, num_features=4))
    whole = subgraphs(torch.arange(20)).edge_index
    for nodes, message in (
        ([3, 20], r"'n_id' must hold nodes between 0 and 19 \(got 3 to 20\)"),
        ([-1], "'n_id' must hold nodes between 0 and 19"),
        ([3, 4, 3], r"'n_id' must hold each node once \(got 1 repeats\)"),
    ):
        with pytest.raises(ValueError, match=message):
            subgraphs(torch.tensor(nodes))
        assert subgraphs(torch.arange(20)).edge_index.equal(whole)  # an error leaves nothing behind
