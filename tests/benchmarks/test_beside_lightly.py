import sys

import pytest
import torch
from torch import nn

from benchmarks.images import beside_lightly
from benchmarks.pages.beside_lightly import beside_lightly_records


class Clock:
    """A second for each look."""

    now = 0.0

    def perf_counter(self):
        self.now += 1.0
        return self.now


def side(root, seed, workers):
    torch.manual_seed(seed)
    net = nn.Linear(3 * 4 * 4, 5)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    batches, flat = torch.randn(99, 8, 48), lambda x: net(x.flatten(1))
    return beside_lightly.Side(net, optimizer, 1, lambda x: net(x).square().mean(), lambda: iter(batches), flat)


def test_training_ends_with_its_seconds_and_is_seen_at_its_marks(monkeypatch):
    monkeypatch.setattr(beside_lightly, "time", Clock())
    seen = []
    own = side("", 0, 0)
    spent = beside_lightly.train(own, 12.0, [0.25, 1.0], lambda share, steps: seen.append((share, steps)))
    assert spent == 12.0 and seen == [(0.25, 3), (1.0, 12)]
    assert 0 < own.optimizer.param_groups[0]["lr"] < 0.002  # the cosine has nearly ended
    assert beside_lightly.train(side("", 0, 0), 1e9, [1.0], None, steps=2) == 2.0


def test_runs_are_done_once_and_shown(tmp_path, monkeypatch, capsys):
    class Images:
        images, scores = torch.rand(20, 3, 4, 4), lambda self, x, linear: dict.fromkeys(beside_lightly_scores, 0.5)

    beside_lightly_scores = ("linear", "kNN", "linear, validation", "kNN, validation")
    chosen = []
    monkeypatch.setattr(beside_lightly, "time", Clock())
    monkeypatch.setattr(beside_lightly, "SIDES", {"gnnclr": side, "lightly": side})
    monkeypatch.setattr(beside_lightly, "Probing", lambda data: Images())
    monkeypatch.setattr(beside_lightly, "cifar10", lambda root: None)
    monkeypatch.setattr(beside_lightly, "fastest", lambda name, root: chosen.append(name) or (1, 2))
    monkeypatch.setattr(sys, "argv", ["beside_lightly", "--minutes=0.4", "--seeds=2", f"--out={tmp_path}"])
    for _ in range(2):
        beside_lightly.main()
    assert chosen == ["gnnclr", "lightly"]
    rows = beside_lightly_records(tmp_path).rows()
    assert len(rows) == 2 * 2 * len(beside_lightly.MARKS) and rows[-1]["steps"] == "24"
    page = (tmp_path / "beside_lightly.md").read_text(encoding="utf-8")
    assert (
        "lightly 1 threads and 2 workers" in page and "50.0 ± 0.0" in page and page.strip() in capsys.readouterr().out
    )
    assert (tmp_path / "beside_lightly.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.data
def test_both_sides_take_a_step():
    import os

    pytest.importorskip("lightly", reason="needs lightly, which the extra 'bench' installs")
    for name, make in beside_lightly.SIDES.items():
        both = make(os.environ["GNNCLR_DATA"], 0, 0)
        assert beside_lightly.train(both, 1e9, [1.0], None, steps=1) > 0, name
