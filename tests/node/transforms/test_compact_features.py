import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from gnnclr.node import CompactFeatures, SVDFeatures, TfidfFeatures, sbm
from gnnclr.node.transforms.compact_features import are_counts


def graph(x):
    return Data(x=x, edge_index=torch.tensor([[0, 1], [1, 0]]))


def test_few_columns_stay_as_they_are():
    x, transform = torch.randn(6, 4), CompactFeatures(4)
    assert transform(graph(x)).x is x
    other = torch.randn(3, 4)
    assert transform.apply(graph(other)).x is other
    with pytest.raises(ValueError, match="must have the 4 columns that CompactFeatures is fitted to"):
        transform.apply(graph(torch.randn(3, 5)))


@pytest.mark.parametrize("layout", ["strided", "csr"])
def test_many_columns_of_counts_are_latent_semantic_features(layout):
    x, other = torch.poisson(torch.full((2, 20, 12), 0.7), generator=torch.Generator().manual_seed(0))
    if layout == "csr":
        x, other = x.to_sparse_csr(), other.to_sparse_csr()
    own, plain = CompactFeatures(5), Compose([TfidfFeatures(), SVDFeatures(5)])
    assert torch.equal(own(graph(x)).x.to_dense(), plain(graph(x)).x)
    expected = plain.transforms[1].apply(plain.transforms[0].apply(graph(other))).x
    torch.testing.assert_close(own.apply(graph(other)).x, expected)
    assert set(own.state) == {"weight", "directions"}
    torch.testing.assert_close(own.apply(graph(x)).x, own(graph(x)).x, atol=1e-5, rtol=1e-4)


def test_other_numbers_are_not_weighed():
    x = torch.randn(20, 12)
    own = CompactFeatures(5)
    assert torch.equal(own(graph(x)).x, SVDFeatures(5)(graph(x)).x)
    assert set(own.state) == {"directions"} and str(own) == "CompactFeatures(num_components=5)"
    assert are_counts(torch.tensor([[0.0, 3.0]])) and are_counts(torch.eye(3).to_sparse_csr())
    assert not are_counts(torch.tensor([[0.5]])) and not are_counts(torch.tensor([[-1.0]]))


def test_fewer_nodes_than_directions():
    assert CompactFeatures(8)(graph(torch.randn(3, 12))).x.shape == (3, 3)
    assert CompactFeatures()(sbm(10, num_features=16)).x.shape == (10, 16)
