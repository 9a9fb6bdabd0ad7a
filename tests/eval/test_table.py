import math

import pytest

from gnnclr.eval import results_table

ROWS = {"raw": {"linear": 0.605}, "GRACE": {"linear": [0.81, 0.83, 0.85], "kNN": [0.8], "time": "1.2 s"}}


def test_markdown():
    assert results_table(ROWS, corner="Cora") == (
        "| Cora  |     linear |  kNN |  time |\n"
        "| ----- | ---------: | ---: | ----: |\n"
        "| raw   |       60.5 |    – |     – |\n"
        "| GRACE | 83.0 ± 2.0 | 80.0 | 1.2 s |"
    )


def test_plain():
    assert results_table(ROWS, style="plain").splitlines() == [
        "           linear   kNN   time",
        "raw          60.5     –      –",
        "GRACE  83.0 ± 2.0  80.0  1.2 s",
    ]


def test_nan_and_scale():
    assert "–" in results_table({"a": {"b": [0.1, math.nan]}})
    assert "0.100" in results_table({"a": {"b": 0.1}}, scale=1, digits=3)
    assert results_table({}) == "|  |\n| --- |"


def test_unknown_style():
    with pytest.raises(ValueError, match="'style' must be one of"):
        results_table(ROWS, style="latex")
