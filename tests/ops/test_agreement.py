"""What processes compare before they gather, beside what the losses' own tests have."""

import re

import distributed_workers
import torch


def said(gloo, *given):
    """The error of each process, or the rows of each argument, for what each of two was given."""
    first, second = gloo(distributed_workers.agreement, given)
    return first if first == second else (first, second)


def test_rows_may_differ(gloo):
    given = [{"x": torch.ones(rows, 2), "parts": [torch.ones(rows), torch.ones(rows, 3)]} for rows in (3, 1)]
    assert said(gloo, *given) == {"x": [3, 1], "parts": [3, 1]}


def test_large_entries_whose_sum_overflows_are_finite(gloo):
    large = {"x": torch.full((4, 4), 3e38)}
    assert said(gloo, large, large) == {"x": [4, 4]}


def test_what_cannot_be_gathered_is_named(gloo):
    for bad, message in (
        ({"x": torch.tensor(1.0)}, r"'x' must have rows \(got a tensor without dimensions on rank 1\)"),
        (
            {f"x{i}": torch.ones(2) for i in range(17)},
            r"'inputs' must be 16 or fewer tensors to gather \(got 17 on rank 1\)",
        ),
        ({"x": 1 / torch.zeros(2, 2)}, r"'x' must be finite \(got 4 NaN or infinite entries on rank 1\)"),
        (
            {"x": torch.ones(2, 2), "k": 3},
            r"'k' must be alike on all processes: none, as on rank 0 \(got 3 on rank 1\)",
        ),
        ({"x": torch.ones(2, 2), "kind": int}, r"'kind' must be alike on .* none, .* \(got int on rank 1\)"),
    ):
        found = said(gloo, {"x": torch.ones(2, 2)}, bad)
        assert re.fullmatch(message, found), found


def test_texts_that_differ_beyond_what_is_sent_differ(gloo):
    x, long = torch.ones(2, 2), 3000 * "a"
    assert said(gloo, {"x": x, "text": long}, {"x": x, "text": long}) == {"x": [2, 2]}
    found = said(gloo, {"x": x, "text": long + "b"}, {"x": x, "text": long + "c"})
    assert found == "'inputs' must be alike on all processes (got others on some)"


def test_another_error_of_a_check_reaches_all(gloo):
    assert said(gloo, {"x": torch.ones(2, 2)}, KeyError) == "KeyError (on rank 1)"
