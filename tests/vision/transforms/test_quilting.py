import itertools

import pytest
import torch
from scipy.stats import chisquare

from gnnclr.vision import ImageQuilting, Views, transfer_texture
from gnnclr.vision.transforms.quilting import QuiltSizes


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(*shape, seed=7, levels=256):
    return torch.randint(0, levels, shape, generator=generator(seed)).float() * (255 // (levels - 1)) / 255


def gray(pixel):
    """The luminance of a pixel in whole steps, in single precision as torchvision's weights are applied."""
    if len(pixel) == 3:
        return round(pixel[0] * 0.2989 + pixel[1] * 0.587 + pixel[2] * 0.114)
    return round(sum(pixel) / len(pixel))


def cut(error):
    """The columns of the best path through a list of rows, by all paths."""
    every = [
        path
        for path in itertools.product(range(len(error[0])), repeat=len(error))
        if all(abs(a - b) <= 1 for a, b in itertools.pairwise(path))
    ]
    sums = [sum(row[j] for row, j in zip(error, path)) for path in every]
    best = [path for path, total in zip(every, sums) if total == min(sums)]
    last = min(path[-1] for path in best)
    # Going up from the end: straight where it is among the best, else to the left.
    path = [last]
    for i in range(len(error) - 2, -1, -1):
        tails = [p for p in best if list(p[i + 1 :]) == path]
        options = {p[i] for p in tails}
        j = next(c for c in (path[0], path[0] - 1, path[0] + 1) if c in options)
        path = [j, *path]
    return path


def reference(image, place, draws, quilting, shape=None, weight=0.0):
    """The pixels of one texture, by loops over pixels."""
    c, height, width = image.shape
    sizes = quilting.sizes((1, c, height, width))
    b, o, step = sizes.block, sizes.overlap, sizes.block - sizes.overlap
    value = {(y, x): [round(float(v) * 255) for v in image[:, y, x]] for y in range(height) for x in range(width)}
    goal = None
    if shape is not None:
        at = lambda y, x: shape[:, min(y, height - 1), min(x, width - 1)]  # noqa: E731
        goal = lambda y, x: gray([round(float(v) * 255) for v in at(y, x)])  # noqa: E731
    candidates = []
    for py, px in place.tolist():
        top = min(int(py * (height - sizes.source[0] + 1)), height - sizes.source[0])
        left = min(int(px * (width - sizes.source[1] + 1)), width - sizes.source[1])
        for dy in range(sizes.source[0] - b + 1):
            candidates += [(top + dy, left + dx) for dx in range(sizes.source[1] - b + 1)]
    canvas, corners = {}, {}
    for (row, column), draw in zip(itertools.product(*map(range, sizes.grid)), draws.tolist()):
        block = [(row * step + i, column * step + j) for i in range(b) for j in range(b)]
        known = [(y, x) for y, x in block if (column and x < column * step + o) or (row and y < row * step + o)]
        errors = []
        for top, left in candidates:
            new = {(y, x): (top + y - row * step, left + x - column * step) for y, x in block}
            error = sum((p - q) ** 2 for at in known for p, q in zip(value[new[at]], value[canvas[at]]))
            if goal is not None:
                other = sum((gray(value[new[at]]) - goal(*at)) ** 2 for at in block)
                error = (1 - weight) * error + weight * other
            errors.append(error)
        copied = set()
        if column:
            copied.add((corners[row, column - 1][0], corners[row, column - 1][1] + step))
        if row:
            copied.add((corners[row - 1, column][0] + step, corners[row - 1, column][1]))
        left_in = [k for k, at in enumerate(candidates) if at not in copied] or list(range(len(candidates)))
        least = min(errors[k] for k in left_in)
        fits = [k for k in left_in if errors[k] <= (1 + quilting.tolerance) * least]
        corners[row, column] = top, left = candidates[fits[min(int(draw * len(fits)), len(fits) - 1)]]
        new = {(y, x): (top + y - row * step, left + x - column * step) for y, x in block}
        taken = dict.fromkeys(block, True)
        if o and (row or column):
            error = {at: sum((p - q) ** 2 for p, q in zip(value[new[at]], value[canvas[at]])) for at in known}
            if column:
                path = cut([[error[row * step + i, column * step + j] for j in range(o)] for i in range(b)])
                for i, j in itertools.product(range(b), range(o)):
                    taken[row * step + i, column * step + j] &= j >= path[i]
            if row:
                path = cut([[error[row * step + i, column * step + j] for i in range(o)] for j in range(b)])
                for i, j in itertools.product(range(o), range(b)):
                    taken[row * step + i, column * step + j] &= i >= path[j]
        canvas |= {at: new[at] for at in block if taken[at]}
    return torch.tensor([[canvas[y, x][0] * width + canvas[y, x][1] for x in range(width)] for y in range(height)])


@pytest.mark.parametrize(
    ("channels", "height", "width", "options"),
    [
        (1, 8, 8, {}),
        (3, 9, 12, {"block": 0.5, "source": 0.8, "sources": 3}),
        (2, 11, 8, {"block": 0.6, "overlap": 0.5, "tolerance": 0.5}),
        (1, 7, 7, {"source": 1.0, "sources": 1, "tolerance": 0.0}),
        (1, 4, 9, {}),
        (3, 3, 5, {}),
        (1, 1, 6, {}),
        (1, 1, 1, {}),
    ],
)
@pytest.mark.parametrize("levels", [2, 256])
def test_equals_loops_over_pixels(channels, height, width, options, levels):
    quilting = ImageQuilting(**options)
    images = images_of(4, channels, height, width, levels=levels)
    params = quilting.sample(tuple(images.shape), generator(1))
    found = quilting.pixels(images, params)
    for image, place, draw, index in zip(images, params["place"], params["draw"], found):
        assert torch.equal(index, reference(image, place, draw, quilting))
    flat = found.flatten(1).unsqueeze(1).expand(-1, channels, -1)
    assert torch.equal(quilting(images, params), images.flatten(2).gather(2, flat).view(images.shape))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_transfer_equals_loops_over_pixels(channels, weight):
    quilting = ImageQuilting(block=0.5, source=1.0, sources=1)
    shapes, textures = images_of(3, channels, 8, 9, seed=1), images_of(3, channels, 8, 9, seed=2)
    found = transfer_texture(shapes, textures, quilting, weight, generator(3))
    params = quilting.sample(tuple(textures.shape), generator(3))
    for i in range(3):
        index = reference(textures[i], params["place"][i], params["draw"][i], quilting, shapes[i], weight)
        assert torch.equal(found[i].flatten(1), textures[i].flatten(1)[:, index.flatten()])


def test_pixels_are_the_images_own_at_their_place_in_a_block():
    quilting, images = ImageQuilting(), images_of(20, 3, 32, 32)
    index = quilting.pixels(images, quilting.sample((20, 3, 32, 32), generator()))
    sizes = quilting.sizes((20, 3, 32, 32))
    assert index.min() >= 0 and index.max() < 32 * 32
    step, overlap = sizes.step, sizes.overlap
    for row, column in itertools.product(range(sizes.grid[0] - 1), range(sizes.grid[1] - 1)):
        # What no other block overlaps with is a piece of the image.
        y, x = row * step + overlap, column * step + overlap
        piece = index[:, y : y + step - overlap, x : x + step - overlap]
        size = torch.arange(step - overlap)
        assert torch.equal(piece, piece[:, :1, :1] + size.unsqueeze(1) * 32 + size)
        # Left of it are pixels of this block or of the one before it, at the same place of either.
        if column > 0:
            seam, own = index[:, y, x - overlap : x], piece[:, 0, :1] + torch.arange(-overlap, 0)
            before = index[:, y, x - overlap - 1 : x - overlap] + torch.arange(1, overlap + 1)
            assert bool(((seam == own) | (seam == before)).all())


def test_a_texture_is_a_function_of_its_image_and_draws():
    images = torch.randint(0, 256, (12, 3, 16, 16), dtype=torch.uint8, generator=generator())
    (whole,) = Views([ImageQuilting()], views=1, chunk=None)(images, generator())
    for chunk in (1, 5):
        assert torch.equal(Views([ImageQuilting()], views=1, chunk=chunk)(images, generator())[0], whole)
    assert not torch.equal(Views([ImageQuilting()], views=1)(images, generator(1))[0], whole)
    # Normalized images are compared in the same steps, half precision as it is.
    quilting, x = ImageQuilting(), images.double() / 255
    params = quilting.sample(tuple(x.shape), generator())
    torch.testing.assert_close(quilting(x.half(), params), quilting(x, params).half(), atol=1, rtol=0)
    assert quilting(torch.rand(0, 3, 8, 8)).shape == (0, 3, 8, 8)


def test_shapes_are_lost():
    """Of a disc in the middle, every place of the textures sees about as much."""
    grid = torch.arange(32) - 15.5
    disc = (grid.square() + grid.square().unsqueeze(1) < 100).float()
    out = ImageQuilting(source=1.0, sources=1)(disc.expand(100, 1, 32, 32), generator=generator())
    center, border = out[..., 12:20, 12:20].mean(), out[..., :4, :4].mean()
    assert disc[12:20, 12:20].mean() == 1 and disc[:4, :4].mean() == 0
    assert abs(float(center - border)) < 0.25
    assert (out == disc).flatten(1).all(1).sum() == 0  # none is a copy


def test_the_first_block_is_drawn_uniformly():
    quilting = ImageQuilting(source=1.0, sources=1)
    images = images_of(1, 1, 8, 8).expand(4000, -1, -1, -1)
    first = quilting.pixels(images, quilting.sample((4000, 1, 8, 8), generator()))[:, 0, 0]
    assert chisquare(torch.bincount(first, minlength=64).view(8, 8)[:5, :5].flatten()).pvalue > 1e-3


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((32, 32), QuiltSizes(6, 2, (14, 14), (8, 8))),
        ((224, 224), QuiltSizes(45, 8, (96, 96), (6, 6))),
        ((12, 12), QuiltSizes(4, 2, (8, 8), (5, 5))),
        ((8, 8), QuiltSizes(4, 2, (8, 8), (3, 3))),
        ((1, 1), QuiltSizes(1, 0, (1, 1), (1, 1))),
    ],
)
def test_sizes(shape, expected):
    assert ImageQuilting().sizes((1, 3, *shape)) == expected


def test_errors():
    with pytest.raises(ValueError, match="'block' must be a finite number, above 0, at most 1"):
        ImageQuilting(block=0.0)
    with pytest.raises(ValueError, match="'source' must be"):
        ImageQuilting(source=1.5)
    with pytest.raises(ValueError, match="'tolerance' must be"):
        ImageQuilting(tolerance=-1.0)
    x = torch.rand(2, 1, 8, 8)
    with pytest.raises(ValueError, match="'shapes' must have the shape of 'textures'"):
        transfer_texture(x[:1], x, ImageQuilting())
    with pytest.raises(ValueError, match="'weight' must be a probability"):
        transfer_texture(x, x, ImageQuilting(), weight=2.0)


def test_repr():
    expected = "ImageQuilting(block=0.2, overlap=0.167, source=0.429, sources=2, tolerance=0.1)"
    assert str(ImageQuilting()) == expected
