"""All pairs of small batches in one tile, beside the walk over tiles."""

import pytest
import torch
from contracts.loss import make_views, relative

from gnnclr.ops.contrast.one_tile import LARGEST
from gnnclr.ops.contrast.pairs import PAIRS
from gnnclr.ops.tiles import single_tile


def unit_views(n, views):
    return torch.nn.functional.normalize(torch.stack(make_views(n, 8, views)).double(), dim=2)


@pytest.mark.parametrize("pairing,views", [("views", 2), ("views", 3), ("keys", 2), ("towers", 2)])
@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_equals_the_walk_over_tiles(pairing, views, n):
    z, kind = unit_views(n, views), PAIRS[pairing]
    for scale in (0.5, 10.0, 38.0):
        assert kind.one_tile.suits(z, scale)
        one, several = kind.one_tile(z, scale, True), kind(z, scale, True)
        assert abs(one.loss - several.loss) < 1e-12 * max(1, float(several.loss))
        assert relative(one.gradient(), several.gradient()) < 1e-11
        assert torch.equal(kind.one_tile(z, scale, False).loss, one.loss)


@pytest.mark.parametrize("pairing", PAIRS)
def test_what_is_beyond_float32_takes_other_ways(pairing):
    z, kind = unit_views(9, 2), PAIRS[pairing].one_tile
    assert not kind.suits(z, LARGEST / 2) and not kind.suits(z, torch.tensor(10.0))
    rows = single_tile(z)
    assert kind.suits(z.new_empty(2, rows // 2, 1), 10.0) and not kind.suits(z.new_empty(2, rows + 1, 1), 10.0)


@pytest.mark.parametrize("pairing", PAIRS)
def test_the_largest_exponents_are_finite(pairing):
    """All negatives are alike and all positives opposite, or the other way round."""
    row = torch.tensor([[1.0, 0.0]]).expand(300, 2)
    for z in (torch.stack([row, -row]), torch.stack([row, row])):
        pairs = PAIRS[pairing].one_tile(z, 39.0, True)
        assert pairs.loss.isfinite() and pairs.gradient().isfinite().all()
