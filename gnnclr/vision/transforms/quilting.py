"""Non-semantic views: textures quilted of patches of an image."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from gnnclr.ops.check import check_count, check_number, check_probability, describe
from gnnclr.vision.transforms.color import grayscale
from gnnclr.vision.transforms.minimum_cut import minimum_cut
from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape, check_images

#: The least side of a block, in pixels.
LEAST = 4


class QuiltSizes(NamedTuple):
    """Sizes in pixels, and the number of blocks.

    Args:
        block (int): The side of a block.
        overlap (int): How far it overlaps with those before it.
        source (tuple[int, int]): Height and width of a source.
        grid (tuple[int, int]): Blocks below and beside each other.
    """

    block: int
    overlap: int
    source: tuple[int, int]
    grid: tuple[int, int]

    @property
    def step(self) -> int:
        """From one block to the next."""
        return self.block - self.overlap

    @property
    def candidates(self) -> int:
        """The blocks of a source."""
        return (self.source[0] - self.block + 1) * (self.source[1] - self.block + 1)


class ImageQuilting(BatchTransform):
    r"""The texture of an image by `"Image Quilting for Texture Synthesis and Transfer"
    <https://doi.org/10.1145/383259.383296>`_: blocks of the image itself, each put where it fits to those before it,
    and cut where it differs least from them.

    From left to right and from top to bottom a block is drawn from those of all places of the sources whose error is at
    most :math:`1 + \text{tolerance}` times the least one,

    .. math:: e_k = \sum_{(c, y, x) \in \text{overlap}} \big(\mathbf{B}_k[c, y, x] - \mathbf{Y}[c, y, x]\big)^2

    and replaces what is there on its side of the cuts (:func:`~gnnclr.vision.transforms.minimum_cut.minimum_cut`).
    The block that goes on in the image just as its left or upper neighbor does is left out, as long as there is another
    one: it always fits without an error, and textures would copy the image.

    Sources are crops of the image, one at its center, the others at random places, as in `"Robust Contrastive Learning
    Using Negative Samples with Diminished Semantics" <https://arxiv.org/abs/2110.14189>`_, whose authors take two of
    96×96 for textures of 224×224, and another tool for the synthesis.

    Values are only moved: channels stay together, and normalized views may go in. Errors are sums of whole numbers, as
    values are compared in steps of 1/255; so a texture does not depend on batch, threads or machine.

    Args:
        block (float, optional): The side of a block, as a share of the shorter side of the image; four pixels at least.
            (default: ``0.2``, 6 of 32 pixels)
        overlap (float, optional): The overlap, as a share of the block's side; two pixels at least, but no more than
            half of the block. (default: ``1 / 6``, the paper's)
        source (float, optional): Height and width of a source, as shares of those of the image; two blocks at least.
            (default: ``96 / 224``)
        sources (int, optional): The number of sources. (default: ``2``)
        tolerance (float, optional): How much worse than the best one a block may fit. (default: ``0.1``, the paper's)
        p (float, optional): The probability that a sample is transformed. (default: ``1.0``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** images :math:`(B, C, H, W)`
    """

    def __init__(
        self,
        block: float = 0.2,
        overlap: float = 1 / 6,
        source: float = 96 / 224,
        sources: int = 2,
        tolerance: float = 0.1,
        p: float = 1.0,
    ):
        super().__init__(p)
        self.block: float = check_number("block", block, above=0, most=1)
        self.overlap: float = check_probability("overlap", overlap)
        self.source: float = check_number("source", source, above=0, most=1)
        self.sources: int = check_count("sources", sources)
        self.tolerance: float = check_number("tolerance", tolerance, least=0)

    def sizes(self, shape: Shape) -> QuiltSizes:
        """Sizes in pixels, for images of ``shape``."""
        height, width = shape[2:]
        side = min(height, width)
        block = min(max(round(self.block * side), LEAST), side)
        overlap = min(max(round(self.overlap * block), 2), block // 2)
        source = tuple(min(max(round(self.source * size), 2 * block), size) for size in (height, width))
        step = block - overlap
        grid = tuple(max(1, -(-(size - overlap) // step)) for size in (height, width))
        return QuiltSizes(block, overlap, (source[0], source[1]), (grid[0], grid[1]))

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws the places of sources, and for each block which of those that fit is taken."""
        n, (rows, columns) = shape[0], self.sizes(shape).grid
        place = torch.rand((n, self.sources, 2), generator=generator, device=device)
        place[:, 0] = 0.5
        return {"place": place, "draw": torch.rand((n, rows * columns), generator=generator, device=device)}

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The textures."""
        return _take(images, self.pixels(images, params))

    def pixels(self, images: Tensor, params: Params, shapes: Tensor | None = None, weight: float = 0.0) -> Tensor:
        """The pixel of the image that stands at each place of its texture, as ``row * width + column`` [n, h, w].

        Args:
            images (Tensor): The images [n, c, h, w].
            params (dict): What :meth:`sample` drew.
            shapes (Tensor, optional): Images [n, c, h, w] whose luminance blocks should have, too.
            weight (float, optional): The weight of the error of luminance, in place of as much of the overlap's.
        """
        n, _, height, width = images.shape
        if n == 0:
            return torch.empty(0, height, width, dtype=torch.long, device=images.device)
        sizes = self.sizes((n, *images.shape[1:]))
        quilt = _Quilt(_levels(images), self._corners(images.shape, params["place"], sizes), sizes)
        goal = None if shapes is None else quilt.luminance_error(_luminance(_levels(shapes)))
        for k, draw in enumerate(params["draw"].double().unbind(1)):
            error = quilt.overlap_error(k)
            if goal is not None:
                error = (1 - weight) * error + weight * goal(k)
            quilt.put(k, _drawn(error, quilt.copies(k), self.tolerance, draw))
        return quilt.canvas[:, :height, :width]

    def _corners(self, shape: torch.Size, place: Tensor, sizes: QuiltSizes) -> Tensor:
        """The first pixel of each block of each source [n, K]."""
        height, width = shape[2:]
        (h, w), b = sizes.source, sizes.block
        top = (place[..., 0] * (height - h + 1)).long().clamp(max=height - h)
        left = (place[..., 1] * (width - w + 1)).long().clamp(max=width - w)
        down = torch.arange(h - b + 1, device=place.device).unsqueeze(1)
        right = torch.arange(w - b + 1, device=place.device)
        corner = (top[..., None, None] + down) * width + left[..., None, None] + right
        return corner.flatten(1)

    def extra_repr(self) -> str:
        """The settings."""
        sizes = f"block={self.block:.3g}, overlap={self.overlap:.3g}, source={self.source:.3g}"
        p = "" if self.p == 1 else f", p={self.p}"
        return f"{sizes}, sources={self.sources}, tolerance={self.tolerance:g}{p}"


def transfer_texture(
    shapes: Tensor, textures: Tensor, quilting: ImageQuilting, weight: float = 0.5, generator: Generator | None = None
) -> Tensor:
    r"""The texture transfer of the paper of :class:`ImageQuilting`: images made of the pixels of ``textures`` whose
    luminance is that of ``shapes``. Blocks are chosen by

    .. math:: (1 - w)\, e_k + w \sum_{y, x} \big(\ell(\mathbf{B}_k)[y, x] - \ell(\mathbf{X})[y, x]\big)^2

    Args:
        shapes (torch.Tensor): Images :math:`\mathbf{X}` that give the luminance.
        textures (torch.Tensor): Images that give the pixels.
        quilting (ImageQuilting): Sizes of blocks and sources, and the tolerance.
        weight (float, optional): The weight :math:`w` of the luminance. (default: ``0.5``)
        generator (torch.Generator, optional): Draws sources and blocks. (default: torch's own)

    Shapes:
        - **input:** images :math:`(B, C, H, W)` each, in :math:`[0, 1]`
        - **output:** images :math:`(B, C, H, W)`
    """
    check_images("textures", textures)
    if check_images("shapes", shapes).shape != textures.shape:
        raise ValueError(f"'shapes' must have the shape of 'textures' (got {describe(shapes)}, {describe(textures)})")
    check_probability("weight", weight)
    params = quilting.sample((len(textures), *textures.shape[1:]), generator, textures.device)
    return _take(textures, quilting.pixels(textures, params, shapes, weight))


class _Quilt:
    """A texture for each image of a batch, while blocks are put on it.

    Args:
        levels (Tensor): Images as whole numbers [n, c, h, w].
        corner (Tensor): The first pixel of each candidate [n, K].
        sizes (QuiltSizes): Sizes.
    """

    def __init__(self, levels: Tensor, corner: Tensor, sizes: QuiltSizes):
        n, self.width = len(levels), levels.size(3)
        self.levels, self.corner, self.sizes = levels.flatten(2), corner, sizes
        b, (rows, columns), step = sizes.block, sizes.grid, sizes.step
        span = torch.arange(b, device=levels.device)
        self.inside = (span.unsqueeze(1) * self.width + span).flatten()
        #: The pixels of each candidate [n, b·b, K].
        self.index = corner.unsqueeze(1) + self.inside.unsqueeze(1)
        self.blocks = self._values(self.index).flatten(1, 2)
        square = self.blocks.square().view(n, -1, b * b, corner.size(1)).sum(1)
        known = torch.stack(
            [self._known(beside, below).flatten() for below in (False, True) for beside in (False, True)]
        )
        #: The squares of each candidate where it overlaps, for each way in which it may.
        self.square = known.to(square.dtype) @ square
        size = (n, rows * step + sizes.overlap, columns * step + sizes.overlap)
        self.canvas = torch.zeros(size, dtype=torch.long, device=levels.device)
        #: The first pixel of the block that was put at each place of the grid.
        self.put_corner = torch.zeros(n, rows * columns, dtype=torch.long, device=levels.device)

    def _values(self, index: Tensor) -> Tensor:
        """The values of pixels [n, c, ...]."""
        n, c = self.levels.shape[:2]
        flat = index.flatten(1).unsqueeze(1).expand(-1, c, -1)
        return self.levels.gather(2, flat).view(n, c, *index.shape[1:])

    def _place(self, k: int) -> tuple[int, int, slice, slice]:
        row, column = divmod(k, self.sizes.grid[1])
        y, x = row * self.sizes.step, column * self.sizes.step
        return row, column, slice(y, y + self.sizes.block), slice(x, x + self.sizes.block)

    def _known(self, beside: bool, below: bool) -> Tensor:
        """Where a block overlaps with those before it, if it stands beside and below others [b, b]."""
        known = torch.zeros(self.sizes.block, self.sizes.block, dtype=torch.bool, device=self.corner.device)
        known[:, : self.sizes.overlap] |= beside
        known[: self.sizes.overlap] |= below
        return known

    def overlap_error(self, k: int) -> Tensor:
        """How much each candidate differs from what is there [n, K]."""
        row, column, y, x = self._place(k)
        old = self._values(self.canvas[:, y, x]) * self._known(column > 0, row > 0)
        product = torch.bmm(old.flatten(1).unsqueeze(1), self.blocks).squeeze(1)
        own = self.square[:, 2 * (row > 0) + (column > 0)]
        return own - 2 * product + old.square().sum((1, 2, 3)).unsqueeze(1)

    def luminance_error(self, goal: Tensor) -> Callable[[int], Tensor]:
        """What gives, for the ``k``-th block, how much the luminance of each candidate differs from that of other
        images there [n, K].

        Args:
            goal (Tensor): The luminance of the other images [n, h, w].
        """
        own = _luminance(self.levels.unflatten(2, (-1, self.width))).flatten(1)
        own = own.gather(1, self.index.flatten(1)).view(self.index.shape)
        square = own.square().sum(1)
        below, beside = (max(self.canvas.size(d) - goal.size(d), 0) for d in (1, 2))
        goal = F.pad(goal.unsqueeze(1), (0, beside, 0, below), mode="replicate").squeeze(1)

        def error(k: int) -> Tensor:
            _, _, y, x = self._place(k)
            wanted = goal[:, y, x].flatten(1)
            product = torch.bmm(wanted.unsqueeze(1), own).squeeze(1)
            return square - 2 * product + wanted.square().sum(1, keepdim=True)

        return error

    def copies(self, k: int) -> Tensor:
        """Which candidates go on in the image as the left or the upper neighbor of the ``k``-th block does [n, K]."""
        row, column, *_ = self._place(k)
        copy = torch.zeros_like(self.corner, dtype=torch.bool)
        if column > 0:
            copy |= self.corner == self.put_corner[:, k - 1 : k] + self.sizes.step
        if row > 0:
            above = k - self.sizes.grid[1]
            copy |= self.corner == self.put_corner[:, above : above + 1] + self.sizes.step * self.width
        return copy

    def put(self, k: int, candidate: Tensor) -> None:
        """Puts a candidate [n, 1] for each image at the place of the ``k``-th block."""
        row, column, y, x = self._place(k)
        b, overlap = self.sizes.block, self.sizes.overlap
        corner = self.corner.gather(1, candidate)
        new, old = (corner + self.inside).view(-1, b, b), self.canvas[:, y, x]
        taken = torch.ones_like(new, dtype=torch.bool)
        if overlap > 0 and k > 0:
            error = (self._values(new) - self._values(old)).square().sum(1)
            span = torch.arange(overlap, device=new.device)
            if column > 0:
                taken[:, :, :overlap] &= span >= minimum_cut(error[:, :, :overlap]).unsqueeze(2)
            if row > 0:
                cut = minimum_cut(error[:, :overlap].transpose(1, 2))
                taken[:, :overlap] &= span.unsqueeze(1) >= cut.unsqueeze(1)
        self.canvas[:, y, x] = torch.where(taken, new, old)
        self.put_corner[:, k : k + 1] = corner


def _drawn(error: Tensor, copies: Tensor, tolerance: float, draw: Tensor) -> Tensor:
    """One of the candidates that fit [n, 1], those that copy left out where there are others."""
    error = error.masked_fill(copies & ~copies.all(1, keepdim=True), torch.inf)
    fits = (error <= (1 + tolerance) * error.amin(1, keepdim=True)).cumsum(1)
    wanted = (draw.unsqueeze(1) * fits[:, -1:]).long().clamp_(max=fits[:, -1:] - 1)
    return (fits <= wanted).sum(1, keepdim=True)


def _levels(images: Tensor) -> Tensor:
    """Values in steps of 1/255, as whole numbers in double precision: their sums are exact in any order."""
    return (images.double() * 255).round()


def _luminance(levels: Tensor) -> Tensor:
    return (grayscale(levels) if levels.size(1) == 3 else levels.mean(1)).round()


def _take(images: Tensor, index: Tensor) -> Tensor:
    flat = index.flatten(1).unsqueeze(1).expand(-1, images.size(1), -1)
    return images.flatten(2).gather(2, flat).view(images.shape)
