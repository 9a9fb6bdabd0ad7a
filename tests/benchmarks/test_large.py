from argparse import Namespace

import pytest
import torch

from benchmarks import pages
from benchmarks.graphs import large
from benchmarks.pages.large import FULL, large_records


def row(route, scale="1", **kwargs):
    base = {"route": route, "scale": scale, "nodes": 1000, "edges": 5000, "batch": 64, "epochs": 1, "command": "run"}
    measured = {"preparation": 0.5, "seconds": 2.0, "peak": 30.0, "kept": 0.25, "accuracy": 0.5, "from_nodes": 0}
    return base | measured | {"cpu": "x", "threads": "1"} | kwargs


def test_a_full_batch_that_is_too_large_is_extrapolated(monkeypatch):
    seconds = iter([3.0, 1.0])  # of a whole step, and of one whose loss is linear
    monkeypatch.setattr(large, "train", lambda *args: (next(seconds), 0.0))
    data = large.generate(2000, 4000, 0)
    found = large.full_batch(data, Namespace(nodes=20_000, epochs=1))
    assert found["seconds"] == pytest.approx(1.0 * 10 + 2.0 * 100) and found["ratio"] == 10


@pytest.mark.parametrize("route", ["MLP on propagated views", "communities", "random nodes"])
def test_routes_train_and_embed_all_nodes(route):
    data = large.generate(2000, 8000, 0)
    torch.manual_seed(0)
    args = Namespace(batch=1000, copies=2, epochs=1, resolution=1.0, nodes=2000)
    found = large.ROUTES[route](data, args)
    assert found["z"]().shape == (2000, 256) and found["seconds"] > 0
    assert found["kept"] == 1 if route == "MLP on propagated views" else 0.3 < found["kept"] < 0.95


def test_rows_of_a_scale_are_replaced_and_extrapolations_marked(tmp_path):
    large_records(tmp_path).put([row("a"), row(FULL, seconds=7200.0, from_nodes=64, accuracy=float("nan"))])
    large_records(tmp_path).put([row("a", seconds=3.0), row("a", scale="10")])
    text = pages.publish("large", tmp_path)
    assert [(line["scale"], line["route"], float(line["seconds"])) for line in large_records(tmp_path).rows()] == [
        ("1", "a", 3.0),
        ("1", FULL, 7200.0),
        ("10", "a", 2.0),
    ]
    assert "| a | 0.5 s | 3 s | 30 MB | 25 % | 50.0 |" in text
    assert f"| {FULL}* | 0.5 s | 2 h* | 30 MB* | 25 % | – |" in text
    assert text.count("Extrapolated from 64 nodes, not measured.") == 1
    assert text.index("Scale 1:") < text.index("Scale 10:") and (tmp_path / "large.png").stat().st_size > 1000
