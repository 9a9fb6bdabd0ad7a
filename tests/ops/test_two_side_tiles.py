"""The softmax of rows and of columns, beside matrices of all pairs."""

import pytest
import torch
from contracts.loss import relative

from gnnclr.ops import one_side_tiles
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.two_side_tiles import TwoSideTiles
from gnnclr.ops.workspace import Workspace


@pytest.mark.parametrize("kept", [0, 10**6])
@pytest.mark.parametrize("shifted,scale", [(False, 3.0), (True, 3.0), (True, 900.0)])
@pytest.mark.parametrize("n", [1, 7, 8, 61])
def test_equals_matrices(n, shifted, scale, kept, monkeypatch):
    monkeypatch.setattr(one_side_tiles, "tile_size", lambda x: 8)
    monkeypatch.setattr(one_side_tiles, "kept_entries", lambda x: kept)
    monkeypatch.setattr(one_side_tiles, "MEMORY", Workspace(0))
    generator = torch.Generator().manual_seed(0)
    q, k = torch.nn.functional.normalize(torch.randn(2, n, 5, generator=generator).double(), dim=2)
    a, b = torch.rand(2, n, generator=generator).double()
    s = (scale * q @ k.t()).fill_diagonal_(float("-inf"))
    tiles = TwoSideTiles(q, k, SampleDiagonals(n), scale, shifted, keep=True)
    for dim, total in ((1, tiles.total), (0, tiles.of_cols)):
        lse = torch.logsumexp(s, dim=dim)
        torch.testing.assert_close(total if shifted else total.log(), lse, rtol=1e-12, atol=1e-12)
    log_a, log_b = a.log() - scale, b.log() - scale  # as of partitions above the largest score
    joint = (s + log_a.unsqueeze(1)).exp() + (s + log_b).exp()
    for _ in range(2):  # with what was kept, and anew
        to_q, to_k = tiles.messages(*((log_a, log_b) if shifted else (log_a.exp(), log_b.exp())))
        assert relative(to_q, joint @ k) < 1e-12 and relative(to_k, joint.t() @ q) < 1e-12
