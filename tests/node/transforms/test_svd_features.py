import pytest
import torch
from torch_geometric.data import Data

from gnnclr.node import SVDFeatures


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
