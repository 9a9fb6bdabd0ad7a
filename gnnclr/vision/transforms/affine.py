"""Random rotation, translation, scaling and shear."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from gnnclr.ops.check import check_number, check_probability
from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape, check_range, uniform


class RandomAffine(BatchTransform):
    r"""Rotates, shears, scales and shifts every image about its center, with zeros beyond the border, as
    :class:`torchvision.transforms.v2.RandomAffine` does with bilinear interpolation.

    Args:
        degrees (float, optional): Rotations are uniform in :math:`[-\text{degrees}, \text{degrees}]`. (default: ``15``)
        translate (tuple[float, float], optional): Largest shift along width and height, as a share of them, rounded to
            whole pixels. (default: ``(0.1, 0.1)``)
        scale (tuple[float, float], optional): Bounds of the scale. (default: ``(0.8, 1.2)``)
        shear (float, optional): Shears along the rows are uniform in :math:`[-\text{shear}, \text{shear}]` degrees.
            (default: ``0``)
        p (float, optional): The probability that a sample is transformed. (default: ``1.0``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** images :math:`(B, C, H, W)`
    """

    def __init__(
        self,
        degrees: float = 15.0,
        translate: tuple[float, float] = (0.1, 0.1),
        scale: tuple[float, float] = (0.8, 1.2),
        shear: float = 0.0,
        p: float = 1.0,
    ):
        super().__init__(p)
        check_number("degrees", degrees)
        check_number("shear", shear)
        self.degrees: float = check_range("degrees", (-degrees, degrees), -180, 180)[1]
        self.translate: tuple[float, float] = (
            check_probability("translate", translate[0]),
            check_probability("translate", translate[1]),
        )
        self.scale: tuple[float, float] = check_range("scale", scale)
        self.shear: float = check_range("shear", (-shear, shear), -89, 89)[1]

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws a rotation, a shift, a scale and a shear for every image."""
        n, _, height, width = shape
        x, y = self.translate[0] * width, self.translate[1] * height
        return {
            "angle": uniform((n,), (-self.degrees, self.degrees), generator, device),
            "x": uniform((n,), (-x, x), generator, device).round_(),
            "y": uniform((n,), (-y, y), generator, device).round_(),
            "scale": uniform((n,), self.scale, generator, device),
            "shear": uniform((n,), (-self.shear, self.shear), generator, device),
        }

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The images, moved."""
        if len(images) == 0:
            return images
        height, width = images.shape[2:]
        angle, shear = (params[name].double() * (math.pi / 180) for name in ("angle", "shear"))
        # Output pixels look up input pixels: the inverse of rotate(angle) · shear · scale, then the shift.
        cos, sin, tan = angle.cos(), angle.sin(), shear.tan()
        inverse = torch.stack([cos - tan * sin, sin + tan * cos, -sin, cos], dim=1).view(-1, 2, 2)
        inverse = inverse / params["scale"].double().view(-1, 1, 1)
        shift = torch.stack([params["x"], params["y"]], dim=1).double().unsqueeze(2)
        # affine_grid counts in half widths and half heights.
        half = torch.tensor([width / 2, height / 2], dtype=torch.double, device=images.device)
        theta = torch.cat([inverse * half, -(inverse @ shift)], dim=2) / half.view(2, 1)
        grid = F.affine_grid(theta.to(images.dtype), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def extra_repr(self) -> str:
        """The settings."""
        moves = f"degrees={self.degrees}, translate={self.translate}, scale={self.scale}, shear={self.shear}"
        return f"{moves}, p={self.p}"
