import math

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Data

from gnnclr.node import TfidfFeatures


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
