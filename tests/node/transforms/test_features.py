import math

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Data
from torch_geometric.transforms import Compose, SVDFeatureReduction

from gnnclr.node import SVDFeatures, TfidfFeatures, UnitFeatures
from gnnclr.node.transforms.fitted import apply_transform, fitted_transforms


def test_rows_have_length_one():
    data = Data(x=torch.tensor([[3.0, -4.0], [0.0, 0.0], [0.0, 2.0]]))
    out = UnitFeatures()(data)
    assert torch.allclose(out.x, torch.tensor([[0.6, -0.8], [0.0, 0.0], [0.0, 1.0]]))
    assert data.x[0, 0] == 3  # the graph that was given stays as it is
    assert repr(UnitFeatures()) == "UnitFeatures()"


def literal(x):
    """Weights by a loop over words."""
    n, words = x.shape
    out = torch.zeros_like(x)
    for j in range(words):
        out[:, j] = x[:, j] * (1 + math.log((1 + n) / (1 + int((x[:, j] > 0).sum()))))
    return F.normalize(out, dim=1)


@pytest.fixture
def bags():
    torch.manual_seed(0)
    return torch.poisson(torch.full((9, 6), 0.7, dtype=torch.float64))


def test_weights_are_those_of_the_formula(bags):
    bags[3] = 0
    data = Data(x=bags)
    out = TfidfFeatures()(data)
    assert torch.allclose(out.x, literal(bags), atol=1e-12)
    assert torch.equal(data.x, bags)  # the graph that was given stays as it is


def test_sublinear_counts_grow_by_their_logarithm(bags):
    grown = torch.where(bags > 0, 1 + bags.clamp(min=1).log(), 0.0)
    assert torch.allclose(TfidfFeatures(sublinear=True)(Data(x=bags)).x, literal(grown), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_layout_and_dtype_stay(bags, dtype):
    x = bags.to(dtype)
    dense = TfidfFeatures()(Data(x=x)).x
    sparse = TfidfFeatures()(Data(x=x.to_sparse_csr())).x
    assert dense.dtype == sparse.dtype == dtype
    assert sparse.layout == torch.sparse_csr
    assert torch.equal(sparse.to_dense(), dense)


def test_zeros_that_are_stored_are_no_words():
    stored = torch.sparse_csr_tensor([0, 2, 3], [0, 1, 0], [1.0, 0.0, 2.0], (2, 2))
    out = TfidfFeatures()(Data(x=stored)).x.to_dense()
    assert torch.equal(out, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert stored.values().tolist() == [1.0, 0.0, 2.0]


def test_features_that_are_no_words_are_refused(bags):
    with pytest.raises(ValueError, match=r"'data\.x' must hold counts of words, none negative"):
        TfidfFeatures()(Data(x=-bags))
    with pytest.raises(ValueError, match=r"'data\.x' must hold floating point"):
        TfidfFeatures()(Data(x=bags.long()))
    with pytest.raises(ValueError, match=r"'data\.x' must be finite"):
        TfidfFeatures()(Data(x=bags / 0))
    with pytest.raises(ValueError, match=r"'data' must be a Data"):
        TfidfFeatures()(bags)


@pytest.fixture
def features():
    torch.manual_seed(0)
    return torch.randn(30, 4, dtype=torch.float64) @ torch.randn(4, 12, dtype=torch.float64)


def test_products_of_rows_stay_where_rank_suffices(features):
    x = SVDFeatures(4)(Data(x=features)).x
    assert x.shape == (30, 4)
    assert torch.allclose(x @ x.t(), features @ features.t(), atol=1e-9)
    assert torch.allclose(x.norm(dim=0), torch.linalg.svdvals(features)[:4])


def test_it_is_the_best_approximation_of_its_rank(features):
    x = SVDFeatures(2)(Data(x=features)).x
    left = (features.square().sum() - x.square().sum()).item()
    assert left == pytest.approx(torch.linalg.svdvals(features)[2:].square().sum().item(), rel=1e-6)


def test_sparse_and_dense_features_give_the_same(features):
    features[features < 1] = 0
    dense, sparse = SVDFeatures(3)(Data(x=features)).x, SVDFeatures(3)(Data(x=features.to_sparse_csr())).x
    assert sparse.layout == torch.strided
    assert torch.allclose(dense, sparse)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (3, 8), (8, 3), (1, 1)])
def test_more_components_than_there_are(shape):
    x = torch.randn(shape)
    out = SVDFeatures()(Data(x=x)).x
    assert out.shape == (shape[0], min(shape)) and out.dtype == x.dtype
    assert torch.allclose(out @ out.t(), x @ x.t(), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_features(features, dtype):
    assert SVDFeatures(3)(Data(x=features.to(dtype))).x.dtype == dtype


def test_the_same_seed_gives_the_same(features):
    torch.manual_seed(1)
    first = SVDFeatures(3)(Data(x=features)).x
    torch.manual_seed(2)
    assert torch.equal(first, SVDFeatures(3)(Data(x=features)).x)


def test_wrong_input(features):
    with pytest.raises(ValueError, match="'num_components'"):
        SVDFeatures(0)
    with pytest.raises(ValueError, match=r"'data\.x' must be finite"):
        SVDFeatures()(Data(x=features * float("nan")))
    with pytest.raises(ValueError, match=r"'data' must be a Data"):
        SVDFeatures()(features)


def test_other_graphs_are_transformed_by_what_was_fitted():
    torch.manual_seed(0)
    one, other = (torch.poisson(torch.full((n, 8), 0.8)) for n in (20, 11))
    both = Compose([TfidfFeatures(), UnitFeatures(), SVDFeatures(num_components=3)])
    fitted = both(Data(x=one)).x
    assert [type(part).__name__ for part in fitted_transforms(both)] == ["TfidfFeatures", "SVDFeatures"]
    tfidf, svd = (part.state for part in fitted_transforms(both))
    weight = 1 + torch.log((1 + 20) / (1 + (one > 0).sum(dim=0)))
    torch.testing.assert_close(tfidf["weight"].float(), weight)
    torch.testing.assert_close(svd["directions"] @ svd["directions"].t(), torch.eye(3), atol=1e-5, rtol=0)
    for x in (other, other.to_sparse_csr()):
        given = Data(x=x)
        found = apply_transform(Compose([both.transforms[0], both.transforms[2]]), given)
        expected = F.normalize(other * weight, dim=1) @ svd["directions"].t()
        torch.testing.assert_close(found.x, expected)
        assert given.x is x  # it stays as it is
    torch.testing.assert_close(apply_transform(both, Data(x=one)).x, fitted, atol=1e-3, rtol=1e-3)
    assert (tfidf, svd) == tuple(part.state for part in fitted_transforms(both))  # nothing is fitted again


def test_what_cannot_be_applied_to_other_graphs():
    data = Data(x=torch.rand(9, 4), edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match="SVDFeatures must be fitted to a graph before it is applied to another one"):
        apply_transform(SVDFeatures(2), data)
    with pytest.raises(ValueError, match="SVDFeatureReduction makes features that mean something else on each graph"):
        apply_transform(SVDFeatureReduction(2), data)
    assert apply_transform(None, data) is data
