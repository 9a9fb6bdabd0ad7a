import pytest
import torch
from scipy.stats import chisquare, kstest

from gnnclr.vision import Views
from gnnclr.vision.transforms.patches import NonSemanticPatches


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def reference(images, params):
    """A grid of crops, put together row by row, and cut."""
    out = []
    for image, size, place in zip(images, params["size"].tolist(), params["place"]):
        height, width = image.shape[1:]
        rows = []
        for p in range(-(-height // size)):
            row = []
            for q in range(-(-width // size)):
                top = int(place[p, q, 0] * (height - size + 1))
                left = int(place[p, q, 1] * (width - size + 1))
                row.append(image[:, top : top + size, left : left + size])
            rows.append(torch.cat(row, dim=2))
        out.append(torch.cat(rows, dim=1)[:, :height, :width])
    return torch.stack(out)


@pytest.mark.parametrize(
    ("channels", "height", "width", "sizes"),
    [(3, 32, 32, (16 / 224, 72 / 224)), (1, 12, 9, (0.2, 0.6)), (2, 7, 20, (0.3, 1.0)), (1, 5, 5, (1.0, 1.0))],
)
def test_equals_a_grid_of_crops(channels, height, width, sizes):
    images = torch.rand(20, channels, height, width, generator=generator())
    transform = NonSemanticPatches(sizes)
    params = transform.sample(tuple(images.shape), generator(1))
    assert torch.equal(transform(images, params), reference(images, params))


def test_pixels_are_those_of_the_image_itself():
    n, side = 16, 12
    images = torch.arange(n * side * side).view(n, 1, side, side).float()
    out = NonSemanticPatches()(images, generator=generator())
    assert torch.equal((out // (side * side)).flatten(1), torch.arange(n).float().view(n, 1).expand(n, side * side))
    # Channels stay together.
    colors = torch.cat([images, -images], dim=1)
    a, b = NonSemanticPatches()(colors, generator=generator()).split(1, dim=1)
    assert torch.equal(a, -b)


def test_shapes_are_lost():
    """Of a disc in the middle, every place of the output sees as much."""
    side = 32
    grid = torch.arange(side) - 15.5
    disc = (grid.square() + grid.square().unsqueeze(1) < 100).float()
    out = NonSemanticPatches()(disc.expand(1000, 1, side, side), generator=generator())
    center, border = out[..., 12:20, 12:20].mean(), out[..., :4, :4].mean()
    assert disc[12:20, 12:20].mean() == 1 and disc[:4, :4].mean() == 0
    assert abs(float(center - border)) < 0.07


@pytest.mark.parametrize(
    ("side", "expected"), [(224, (16, 72)), (96, (7, 31)), (32, (2, 10)), (8, (2, 3)), (1, (1, 1))]
)
def test_bounds_of_sizes(side, expected):
    assert NonSemanticPatches().pixels((1, 3, side, side + 5)) == expected
    assert NonSemanticPatches()(torch.rand(3, 1, side, side)).shape == (3, 1, side, side)


def test_sizes_and_places_are_uniform():
    params = NonSemanticPatches().sample((5000, 3, 32, 32), generator())
    counts = torch.bincount(params["size"])
    assert counts[:2].sum() == 0 and len(counts) == 11
    assert chisquare(counts[2:]).pvalue > 1e-3
    assert kstest(params["place"][:200].flatten(), "uniform").pvalue > 1e-3


def test_all_places_are_drawn():
    size = torch.full((3000,), 3)
    transform = NonSemanticPatches()
    params = transform.sample((3000, 1, 8, 8), generator()) | {"size": size}
    first = transform(torch.arange(64.0).view(1, 1, 8, 8).expand(3000, 1, 8, 8), params)[:, 0, 0, 0]
    corners = torch.bincount(first.long(), minlength=64).view(8, 8)
    assert corners[6:].sum() == corners[:, 6:].sum() == 0
    assert chisquare(corners[:6, :6].flatten()).pvalue > 1e-3


def test_as_a_part_of_views():
    images = torch.randint(0, 256, (50, 3, 16, 16), dtype=torch.uint8, generator=generator())
    (whole,) = Views([NonSemanticPatches()], views=1, chunk=None)(images, generator())
    for chunk in (1, 7, 50):
        assert torch.equal(Views([NonSemanticPatches()], views=1, chunk=chunk)(images, generator())[0], whole)
    assert torch.equal(Views([NonSemanticPatches()], views=1)(images.float() / 255, generator())[0], whole)
    assert not torch.equal(Views([NonSemanticPatches()], views=1)(images, generator(1))[0], whole)


def test_empty_batch_and_memory_formats():
    assert NonSemanticPatches()(torch.rand(0, 3, 8, 8)).shape == (0, 3, 8, 8)
    images, transform = torch.rand(4, 3, 8, 8), NonSemanticPatches()
    params = transform.sample((4, 3, 8, 8))
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(transform(last, params), transform(images, params))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((0.0, 0.5), "'sizes' must be positive"), ((0.5, 1.5), "'sizes' must be two"), ((0.5, 0.1), "'sizes' must be")],
)
def test_errors(sizes, message):
    with pytest.raises(ValueError, match=message):
        NonSemanticPatches(sizes)
    with pytest.raises(ValueError, match="'images' must be a floating point tensor"):
        NonSemanticPatches()(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))


def test_repr():
    assert str(NonSemanticPatches((0.1, 0.25))) == "NonSemanticPatches(sizes=(0.1, 0.25))"
