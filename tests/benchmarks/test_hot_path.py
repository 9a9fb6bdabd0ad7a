"""Turns of the benchmark of two versions, at a size that takes no time."""

import io
import json
import sys

import pytest
import torch

from benchmarks.hot_path import LOSSES, TURN


@pytest.mark.parametrize("way", ["", "graph"])
def test_every_case_takes_a_turn(way, monkeypatch, capsys):
    program = TURN.replace("< 0.3", "< 0")
    monkeypatch.setattr(sys, "argv", ["-c", "1", way])
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{json.dumps([*case, 5])}\n" for case in LOSSES.values())))
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)  # of this process, which goes on
    exec(program, {})
    seconds = [float(line) for line in capsys.readouterr().out.splitlines()]
    assert len(seconds) == len(LOSSES) and min(seconds) > 0
