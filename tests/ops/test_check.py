import math

import numpy as np
import pytest
import torch

from gnnclr.ops.check import check_count, check_finite, check_index, check_matrix, check_number, check_positive


def test_dense_and_finite():
    x = torch.ones(2, 3)
    assert check_matrix("x", x, finite=True, rows=2, cols=3) is x
    for sparse in (x.to_sparse_csr(), x.to_sparse_coo(), x.to_sparse_csc()):
        with pytest.raises(ValueError, match="'x' must be a dense tensor of shape"):
            check_matrix("x", sparse)
    with pytest.raises(ValueError, match=r"'x' must be a dense tensor .* \(got layout nested\)"):
        check_matrix("x", torch.nested.nested_tensor([x[0], x[1, :2]], layout=torch.jagged))
    with pytest.raises(ValueError, match=r"'x' must have values \(got a tensor on device meta\)"):
        check_matrix("x", x.to("meta"), finite=True)
    with pytest.raises(ValueError, match=r"'x' must be of 16 bits or more \(got .*float8_e4m3fn\)"):
        check_matrix("x", x.to(torch.float8_e4m3fn))
    with pytest.raises(ValueError, match=r"^'x' must be .* \(got ndarray array\(\[\[1.*[^\n]*\)$"):
        check_matrix("x", x.repeat(9, 9).numpy())
    huge = torch.full((4,), 3e38)  # whose sum is not finite
    assert check_finite("x", huge) is huge
    with pytest.raises(ValueError, match=r"'x' must be finite \(got 2 NaN"):
        check_finite("x", torch.tensor([1.0, float("nan"), -float("inf")]))


def test_index():
    index = torch.arange(6).view(2, 3)
    assert check_index("i", index, 2, "e") is index
    for dtype in (torch.int8, torch.uint8, torch.int16, torch.uint16, torch.int32, torch.uint32):
        wide = check_index("i", index.to(dtype), 2, "e")
        assert wide.dtype == torch.int64 and torch.equal(wide, index)
    for bad in (index.float(), index.cfloat(), index.bool(), index[0], index.t(), index.to_sparse_coo(), [1], None):
        with pytest.raises(ValueError, match=r"'i' must be an integer tensor of shape \[2, e\]"):
            check_index("i", bad, 2, "e")


def test_a_number_that_is_not_learned():
    parameter = torch.nn.Parameter(torch.tensor(0.5))
    assert check_positive("t", parameter, learnable=True) is parameter
    assert check_positive("t", constant := torch.tensor(0.5)) is constant
    with pytest.raises(ValueError, match="'t' must be a number: it is not learned"):
        check_positive("t", parameter)


def test_a_number_within_bounds():
    for value in (0, 0.5, np.float32(0.5), np.int64(0)):
        assert check_number("t", value, least=0, below=1) is value
    assert check_number("t", None, optional=True) is None
    for value in (math.nan, math.inf, -math.inf, True, "x", None, 1, -1e-9, 10**400):
        with pytest.raises(ValueError, match=r"'t' must be a finite number, at least 0, below 1 \(got"):
            check_number("t", value, least=0, below=1)
    for value in (0, 1.1):
        with pytest.raises(ValueError, match=r"'t' must be a finite number, above 0, at most 1 or None \(got"):
            check_number("t", value, above=0, most=1, optional=True)


def test_a_count_within_bounds():
    for value in (2, np.int64(2), np.uint8(2)):
        assert type(check_count("k", value, most=2)) is int
    assert check_count("k", None, optional=True) is None
    for value, least, most, expected in (
        (0, 1, math.inf, "a positive integer"),
        (-1, 0, math.inf, "an integer, zero or more"),
        (1, 2, math.inf, "an integer of at least 2"),
        (4, 1, 3, "an integer from 1 to 3"),
        (2.0, 1, 3, "an integer from 1 to 3"),
        (True, 1, 3, "an integer from 1 to 3"),
        (None, 1, math.inf, "a positive integer"),
    ):
        with pytest.raises(ValueError, match=rf"'k' must be {expected} \(got"):
            check_count("k", value, least, most)
    with pytest.raises(ValueError, match=r"'k' must be a positive integer or None \(got"):
        check_count("k", 0, optional=True)
