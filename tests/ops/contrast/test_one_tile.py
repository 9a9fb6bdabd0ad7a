"""All pairs of small batches in one tile, beside the walk over tiles."""

import pytest
import torch
from contracts.loss import make_views, relative

from gnnclr.ops.contrast.one_tile import LARGEST
from gnnclr.ops.contrast.pairs import PAIRS
from gnnclr.ops.tiles import single_tile

PAIRINGS = ("views", "keys", "towers")


def unit_views(n, views):
    return torch.nn.functional.normalize(torch.stack(make_views(n, 8, views)).double(), dim=2)


@pytest.mark.parametrize("pairing,views", [("views", 2), ("views", 3), ("keys", 2), ("towers", 2)])
@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_equals_the_walk_over_tiles(pairing, views, n):
    z, kind = unit_views(n, views), PAIRS[pairing]
    for scale in (0.5, 10.0, 38.0):
        rows = z.flatten(0, 1)
        assert kind.one_tile.suits(rows, n, scale)
        one, several = kind.one_tile(rows, n, scale, True), kind(z, scale, True)
        assert abs(one.loss - several.loss) < 1e-12 * max(1, float(several.loss))
        assert relative(one.gradient(), several.gradient()) < 1e-11
        assert torch.equal(kind.one_tile(rows, n, scale, False).loss, one.loss)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_what_is_beyond_float32_takes_other_ways(pairing):
    rows, kind = unit_views(9, 2).flatten(0, 1), PAIRS[pairing].one_tile
    assert not kind.suits(rows, 9, LARGEST / 2) and not kind.suits(rows, 9, torch.tensor(10.0))
    most = single_tile(rows)
    for n, expected in ((most // 2, True), (most + 1, False)):
        assert kind.suits(rows.new_empty(2 * n, 1), n, 10.0) == expected


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_the_largest_exponents_are_finite(pairing):
    """All negatives are alike and all positives opposite, or the other way round."""
    row = torch.tensor([[1.0, 0.0]]).expand(300, 2)
    for rows in (torch.cat([row, -row]), torch.cat([row, row])):
        pairs = PAIRS[pairing].one_tile(rows, 300, 39.0, True)
        assert pairs.loss.isfinite() and pairs.gradient().isfinite().all()
