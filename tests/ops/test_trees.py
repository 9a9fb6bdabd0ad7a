import pytest
import torch

from gnnclr.ops.trees import leaves, map_leaves, row_count, split_rows

X = torch.arange(7)


def test_entries_are_replaced_where_they_stand():
    assert map_leaves(lambda x: x + 1, {"a": (1, [2]), "b": 3}) == {"a": (2, [3]), "b": 4}
    assert leaves({"a": (1, [2]), "b": 3}) == [1, 2, 3]


def test_chunks_of_rows_have_the_form_of_the_whole():
    chunks = split_rows({"a": X, "b": [X * 2]}, 3, 7)
    assert [chunk["a"].tolist() for chunk in chunks] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [chunk["b"][0].tolist() for chunk in chunks] == [[0, 2, 4], [6, 8, 10], [12]]
    (chunk,) = split_rows(X[:0], 3, 0)
    assert len(chunk) == 0


def test_rows_are_counted_and_must_be_as_many():
    assert row_count("x", (X, {"a": X})) == 7
    with pytest.raises(ValueError, match=r"'x' must have the same number of rows each \(got 7, 6\)"):
        row_count("x", (X, X[1:]))
    for bad in (None, (), torch.tensor(1.0), (X, "text")):
        with pytest.raises(ValueError, match="'x' must be tensors with rows, or tuples and dicts of them"):
            row_count("x", bad)
