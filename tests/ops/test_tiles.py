import pytest
import torch

from gnnclr.ops.tiles import MEMORY, scaled_product, slices, tile_entries, tile_in


@pytest.mark.parametrize("width", [1, 255, 256, 300, 512, 2048])
def test_tiles_side_by_side_share_no_entry(width):
    """Rows that would lie powers of two apart lie further apart."""
    memory, size = torch.zeros(2 * tile_entries(3, width)), tile_entries(3, width)
    first, second = tile_in(memory, 3, width), tile_in(memory[size:], 3, width)
    first.fill_(1.0)
    assert first.shape == second.shape == (3, width) and first.sum() == memory.sum()
    assert second.eq(0).all() and first.stride(0) % 256
    smaller = tile_in(memory, 3, max(width - 1, 1)).fill_(1.0)  # at the end of rows and columns
    assert smaller.numel() <= size and second.eq(0).all()


@pytest.mark.parametrize("scale", [2.0, torch.tensor(2.0)])
def test_products_are_written_into_the_memory(scale):
    q, k = torch.randn(5, 4), torch.randn(256, 4)
    memory = torch.full((tile_entries(5, 256),), -9.0)
    tile = scaled_product(q, k, scale, memory)
    torch.testing.assert_close(tile, 2 * q @ k.t())
    assert tile.data_ptr() == memory.data_ptr() and memory.eq(-9.0).sum() == memory.numel() - tile.numel()


def test_slices_begin_anywhere():
    assert [(part.start, part.stop) for part in slices(10, 4, 3)] == [(3, 7), (7, 10)]
    assert list(slices(3, 4, 3)) == []


def test_the_pairs_of_4096_views_are_kept():
    assert 2 * tile_entries(4096, 2048) * 4 <= MEMORY.most
