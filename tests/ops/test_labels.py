import numpy as np
import pytest
import torch

from gnnclr.ops.labels import class_labels


@pytest.mark.parametrize(
    "y",
    [
        torch.tensor([3, -1, 0]),
        torch.tensor([3, -1, 0], dtype=torch.int8),
        torch.tensor([3.0, float("nan"), 0.0]),
        torch.tensor([3.0, -1.0, -0.0], dtype=torch.float16),
        torch.tensor([[3], [-1], [0]]),
        [3, -1, 0],
        (3.0, float("nan"), 0.0),
        np.array([3, -1, 0], dtype=np.int16),
        np.array([[3.0], [np.nan], [0.0]]),
    ],
)
def test_classes_and_what_is_missing(y):
    labels = class_labels("y", y, 3, from_zero=True)
    assert labels.tolist() == [3, -1, 0] and labels.dtype == torch.int64


def test_unsigned_and_boolean_labels_miss_nothing():
    assert class_labels("y", torch.tensor([255, 0], dtype=torch.uint8)).tolist() == [255, 0]
    assert class_labels("y", torch.tensor([True, False])).tolist() == [1, 0]
    assert class_labels("y", [True, False]).tolist() == [1, 0]
    assert class_labels("y", np.array([255, 60000], dtype=np.uint16)).tolist() == [255, 60000]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0.0, 1.5]), r"'y' must hold whole numbers, .* \(got 1\.5\)"),
        (torch.tensor([0.0, float("-inf")]), r"'y' must hold whole numbers, .* \(got -inf\)"),
        (torch.tensor([0, -100]), r"'y' must hold classes 0, 1, 2, \.\.\., and -1 or NaN .* \(got -100\)"),
        (torch.zeros(2, 3), r"'y' must be an integer tensor of shape \[2\] \(got tensor of shape \[2, 3\]"),
        (torch.tensor([0.0, 2.0**24]), r"'y' must hold whole numbers below 16777216 in torch.float32, .*16777216\.0"),
        (torch.tensor([0.0, -1e30]), r"'y' must hold whole numbers below 16777216 in torch.float32, "),
        (torch.tensor([1.0, 1e30]).double(), r"'y' must hold whole numbers below 9007199254740992 in torch.float64, "),
        (torch.tensor([0.0, 3000.0]).half(), r"'y' must hold whole numbers below 2048 in torch.float16, "),
        (torch.zeros(3), r"'y' must be an integer tensor of shape \[2\]"),
        (torch.zeros(2, device="meta"), r"'y' must be an integer tensor of shape \[2\]"),
        (torch.zeros(2, dtype=torch.complex64), r"'y' must be an integer tensor of shape \[2\]"),
        ([0, 1, 2], r"'y' must be an integer tensor of shape \[2\] \(got list"),
        (["a", "b"], r"'y' must be an integer tensor of shape \[2\] \(got list"),
        (np.array(["a", "b"]), r"'y' must be an integer tensor of shape \[2\] \(got ndarray"),
        ([[0], [1, 2]], r"'y' must be an integer tensor of shape \[2\] \(got list"),
        (7, r"'y' must be an integer tensor of shape \[2\] \(got int 7"),
    ],
)
def test_errors(y, message):
    with pytest.raises(ValueError, match=message):
        class_labels("y", y, 2, from_zero=True)


@pytest.mark.parametrize("value", [1e300, -(2.0**70)])
def test_a_number_beyond_int64_is_refused(value):
    with pytest.raises(ValueError, match="'y' must hold whole numbers"):
        class_labels("y", torch.tensor([0.0, value], dtype=torch.float64))
