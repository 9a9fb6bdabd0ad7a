"""Random resized crops and flips, as two products with interpolation matrices."""

import math

import torch
from torch import Generator, Tensor

from gnnclr.ops.check import check_count, check_probability, describe
from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape, check_range, uniform


class RandomResizedCrop(BatchTransform):
    r"""Crops a random box out of every image, resizes it, and mirrors it with probability :obj:`flip`.

    Antialiased bilinear interpolation is linear and separable, so a crop is one matrix for the rows and one for the
    columns, and a whole batch is two batched products:

    .. math::
        \mathbf{Y}_b = \mathbf{R}_b \mathbf{X}_b \mathbf{C}_b^{\top}, \qquad
        R_{ij} \propto \max\left(0, 1 - \frac{|j + \frac12 - t - s (i + \frac12)|}{\max(s, 1)}\right),
        \quad j \in [t, t + h)

    where the box starts at row :math:`t`, has :math:`h` rows, and :math:`s = h / H'`. A mirrored image has the rows of
    :math:`\mathbf{C}_b` in reverse. Boxes are distributed as those of
    :class:`torchvision.transforms.v2.RandomResizedCrop`: ten tries, then the central box of an allowed shape.

    Args:
        size (int): Height and width of the output.
        scale (tuple[float, float], optional): Bounds of the box's share of the area. (default: ``(0.2, 1.0)``)
        ratio (tuple[float, float], optional): Bounds of the box's width by its height. (default: ``(3/4, 4/3)``)
        flip (float, optional): The probability that an image is mirrored. (default: ``0.5``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** images :math:`(B, C, \text{size}, \text{size})`
    """

    tries = 10

    def __init__(
        self,
        size: int,
        scale: tuple[float, float] = (0.2, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        flip: float = 0.5,
    ):
        super().__init__()
        self.size: int = check_count("size", size)
        self.scale: tuple[float, float] = check_range("scale", scale)
        self.ratio: tuple[float, float] = check_range("ratio", ratio)
        if self.ratio[0] <= 0:
            raise ValueError(f"'ratio' must be positive (got {describe(ratio)})")
        self.flip: float = check_probability("flip", flip)

    def out_shape(self, shape: Shape) -> Shape:
        """The shape of the crops."""
        return (*shape[:2], self.size, self.size)

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws a box for every image, and which are mirrored."""
        n, _, height, width = shape
        log_ratio = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        # Rounding decides the box, so it is done in double precision, as with Python's numbers.
        area = uniform((n, self.tries), self.scale, generator, device).double().mul_(height * width)
        ratio = uniform((n, self.tries), log_ratio, generator, device).exp_().double()
        w = (area * ratio).sqrt_().round_().long()
        h = (area / ratio).sqrt_().round_().long()
        valid = (w > 0) & (w <= width) & (h > 0) & (h <= height)

        first = valid.byte().argmax(dim=1, keepdim=True)  # argmax is the first of equal values
        found = valid.gather(1, first).squeeze(1)
        central_h, central_w = self._central_box(height, width)
        h = torch.where(found, h.gather(1, first).squeeze(1), central_h)
        w = torch.where(found, w.gather(1, first).squeeze(1), central_w)

        u = torch.rand((3, n), generator=generator, device=device, dtype=torch.double)
        top = torch.where(found, (u[0] * (height - h + 1)).long(), (height - h) // 2)
        left = torch.where(found, (u[1] * (width - w + 1)).long(), (width - w) // 2)
        return {"top": top, "left": left, "height": h, "width": w, "flip": u[2] < self.flip}

    def boxes(self, shape: Shape, generator: Generator) -> list[tuple[int, int, int, int, bool]]:
        """What :meth:`sample` draws, as numbers: top, left, height, width and whether it is mirrored, of each image.
        For the few views of one photo that is faster than operations on tensors.

        Args:
            shape (tuple): The shape of the images.
            generator (torch.Generator): The random numbers, of the CPU.
        """
        (n, _, height, width), device = shape, torch.device("cpu")
        areas = uniform((n, self.tries), self.scale, generator, device).tolist()
        log_ratio = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        ratios = uniform((n, self.tries), log_ratio, generator, device).exp_().tolist()
        draws = zip(*torch.rand((3, n), generator=generator, dtype=torch.double).tolist())
        found = []
        for area, ratio, (u, v, mirror) in zip(areas, ratios, draws):
            for share, r in zip(area, ratio):
                w, h = round(math.sqrt(share * (height * width) * r)), round(math.sqrt(share * (height * width) / r))
                if 0 < w <= width and 0 < h <= height:
                    box = (int(u * (height - h + 1)), int(v * (width - w + 1)), h, w)
                    break
            else:
                h, w = self._central_box(height, width)
                box = ((height - h) // 2, (width - w) // 2, h, w)
            found.append((*box, mirror < self.flip))
        return found

    def _central_box(self, height: int, width: int) -> tuple[int, int]:
        if width / height < self.ratio[0]:
            return round(width / self.ratio[0]), width
        if width / height > self.ratio[1]:
            return height, round(height * self.ratio[1])
        return height, width

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The crops."""
        n, c, height, width = images.shape
        rows = interpolation_matrix(params["top"], params["height"], height, self.size, images.dtype)
        cols = interpolation_matrix(params["left"], params["width"], width, self.size, images.dtype, params["flip"])
        # Columns first: all rows of all channels of an image are one product.
        out = torch.bmm(images.reshape(n, c * height, width), cols.transpose(1, 2)).view(n, c, height, self.size)
        return torch.matmul(rows.unsqueeze(1), out)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, scale={self.scale}, ratio={self.ratio}, flip={self.flip}"


def interpolation_matrix(
    start: Tensor, length: Tensor, size: int, out: int, dtype: torch.dtype = torch.float32, flip: Tensor | None = None
) -> Tensor:
    r"""The antialiased bilinear interpolation of :obj:`out` points from :obj:`length` of :obj:`size` points, from
    :obj:`start` on.

    Args:
        start (torch.Tensor): First point of each sample's interval :math:`(B)`.
        length (torch.Tensor): Number of points of each sample's interval :math:`(B)`.
        size (int): The number of points of the input.
        out (int): The number of points of the output.
        dtype (torch.dtype, optional): The type of the result. (default: ``torch.float32``)
        flip (torch.Tensor, optional): Which samples' outputs are mirrored :math:`(B)`. (default: :obj:`None`)

    Returns:
        torch.Tensor: Matrices :math:`(B, \text{out}, \text{size})` whose rows sum to one.
    """
    step = length.to(dtype) / out
    # Positions relative to the interval keep the weights exact for any size of image.
    i = torch.arange(out, device=start.device, dtype=dtype).add_(0.5).expand(len(start), out)
    if flip is not None:
        i = torch.where(flip.unsqueeze(1), out - i, i)
    j = torch.arange(size, device=start.device).unsqueeze(0) - start.unsqueeze(1)
    outside = (j < 0) | (j >= length.unsqueeze(1))
    # A point outside of the interval is put where every weight is zero.
    j = j.to(dtype).add_(0.5).masked_fill_(outside, -10.0 * size - 10.0)
    width = step.clamp(min=1).view(-1, 1, 1)
    weight = (j / width.squeeze(2)).unsqueeze(1) - (i * step.unsqueeze(1) / width.squeeze(2)).unsqueeze(2)
    weight = weight.abs_().neg_().add_(1).clamp_(min=0)
    return weight.div_(weight.sum(dim=2, keepdim=True))


class HorizontalFlip(BatchTransform):
    r"""Mirrors an image with probability :obj:`p`. (:class:`RandomResizedCrop` mirrors its crops at no cost.)

    Args:
        p (float, optional): The probability that a sample is mirrored. (default: ``0.5``)
    """

    def __init__(self, p: float = 0.5):
        super().__init__(p)

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Nothing to draw."""
        return {}

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The images, mirrored."""
        return images.flip(3)
