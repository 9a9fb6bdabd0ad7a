"""What rows of others add to own rows, beside matrices of all pairs."""

import pytest
import torch
from contracts.loss import relative

from gnnclr.ops import one_side_tiles
from gnnclr.ops.one_side_tiles import OneSideTiles
from gnnclr.ops.workspace import Workspace


@pytest.mark.parametrize("kept", [0, 10**6])
@pytest.mark.parametrize("shifted,scale", [(False, 3.0), (True, 3.0), (True, 900.0)])
@pytest.mark.parametrize("own", [slice(0, 9), slice(13, 40), slice(50, 61), slice(7, 7), slice(0, 61)])
def test_equals_matrices(own, shifted, scale, kept, monkeypatch):
    monkeypatch.setattr(one_side_tiles, "tile_size", lambda x: 8)
    monkeypatch.setattr(one_side_tiles, "kept_entries", lambda x: kept)
    monkeypatch.setattr(one_side_tiles, "MEMORY", Workspace(0))
    generator = torch.Generator().manual_seed(0)
    k = torch.nn.functional.normalize(torch.randn(61, 5, generator=generator).double(), dim=1)
    weight = torch.rand(61, generator=generator).double()
    s = scale * k[own] @ k.t()
    s[:, own] = float("-inf")
    tiles = OneSideTiles(k[own].contiguous(), k, own, scale, shifted, keep=True)
    lse = torch.logsumexp(s, dim=1)
    torch.testing.assert_close(tiles.total if shifted else tiles.total.log(), lse, rtol=1e-12, atol=1e-12)
    share = weight.log() - scale  # as of partitions above the largest score
    joint = (s + share[own].unsqueeze(1)).exp() + (s + share).exp()
    for _ in range(2):  # with what was kept, and anew
        message = tiles.message(share[own] if shifted else share[own].exp(), share if shifted else share.exp())
        assert relative(message, joint @ k) < 1e-12
