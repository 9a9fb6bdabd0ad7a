"""Color distortions as one matrix per image."""

import torch
from torch import Generator, Tensor

from gnnclr.ops.check import check_probability
from gnnclr.vision.transforms.color import BRIGHTNESS, CONTRAST, LUMA, ColorJitter, check_channels
from gnnclr.vision.transforms.transform import Params, Shape

# NTSC's luma and the two axes of chroma, whose plane a change of hue turns.
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


class FusedColorJitter(ColorJitter):
    r"""Brightness, contrast, saturation, hue and grayscale as one affine map of the colors of every image.

    Without the clamps in between, and with the hue turned in the YIQ plane instead of the HSV hexagon, all five
    changes are affine in the three channels, and their composition in any order is one :math:`3 \times 4` matrix:

    .. math:: \mathbf{x} \leftarrow \mathrm{clamp}(\mathbf{A}_b \mathbf{x} + \mathbf{a}_b, 0, 1)

    Parameters are distributed as in :class:`~gnnclr.vision.ColorJitter`; images are not: where values leave
    :math:`[0, 1]` on the way, or hues turn, colors differ.

    Args:
        brightness (float or tuple[float, float], optional): Strength, or bounds of the factor. (default: ``0.4``)
        contrast (float or tuple[float, float], optional): Strength, or bounds of the factor. (default: ``0.4``)
        saturation (float or tuple[float, float], optional): Strength, or bounds of the factor. (default: ``0.4``)
        hue (float or tuple[float, float], optional): Strength, or bounds of the shift, in turns. (default: ``0.1``)
        jitter_p (float, optional): The probability that a sample is jittered. (default: ``0.8``)
        grayscale_p (float, optional): The probability that a sample ends as grayscale. (default: ``0.2``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)` in :math:`[0, 1]` with :math:`C \in \{1, 3\}`
        - **output:** images :math:`(B, C, H, W)` in :math:`[0, 1]`
    """

    yiq: Tensor
    rgb: Tensor
    luma: Tensor

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0.4,
        contrast: float | tuple[float, float] = 0.4,
        saturation: float | tuple[float, float] = 0.4,
        hue: float | tuple[float, float] = 0.1,
        jitter_p: float = 0.8,
        grayscale_p: float = 0.2,
    ):
        super().__init__(brightness, contrast, saturation, hue, p=check_probability("jitter_p", jitter_p))
        self.jitter_p: float = self.p
        self.p: float = 1.0  # one map for all samples: those left alone have the identity
        self.grayscale_p: float = check_probability("grayscale_p", grayscale_p)
        self.register_buffer("yiq", torch.tensor(RGB_TO_YIQ), persistent=False)
        self.register_buffer("rgb", torch.linalg.inv(torch.tensor(RGB_TO_YIQ)), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA), persistent=False)

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws the parameters of the jitter, and which samples are jittered and which turned gray."""
        params = super().make_params(shape, generator, device)
        u = torch.rand((2, shape[0]), generator=generator, device=device)
        return params | {"jitter": u[0] < self.jitter_p, "gray": u[1] < self.grayscale_p}

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The images, in other colors."""
        n, c = check_channels(images).shape[:2]
        # The grayscale mean follows the map: all that contrast needs of an image is its mean color.
        mean = images.mean(dim=(2, 3))
        if c == 1:
            mean = mean.expand(n, 3)
        matrix, offset = self._compose(mean, params)
        if c == 1:  # equal channels stay equal, and every change but brightness and contrast keeps them
            return torch.addcmul(
                offset[:, 0].view(-1, 1, 1, 1), images, matrix[:, 0].sum(dim=1).view(-1, 1, 1, 1)
            ).clamp_(0, 1)
        return torch.baddbmm(offset.unsqueeze(2), matrix, images.flatten(2)).clamp_(0, 1).view_as(images)

    def _compose(self, mean: Tensor, params: Params) -> tuple[Tensor, Tensor]:
        n = len(mean)
        eye = torch.eye(3, device=mean.device, dtype=mean.dtype)
        gray = self.luma.to(mean.dtype).expand(3, 3)
        steps = torch.stack(
            [
                eye * params["brightness"].view(-1, 1, 1),
                eye * params["contrast"].view(-1, 1, 1),
                eye * params["saturation"].view(-1, 1, 1) + gray * (1 - params["saturation"]).view(-1, 1, 1),
                self._turn(params["hue"]).to(mean.dtype),
            ],
            dim=1,
        )
        order = torch.where(params["jitter"].unsqueeze(1), params["order"], -1)
        matrix, offset = eye.expand(n, 3, 3), mean.new_zeros(n, 3, 1)
        for op in order.unbind(1):
            step = steps[torch.arange(n, device=mean.device), op.clamp(min=BRIGHTNESS)]
            step = torch.where((op >= BRIGHTNESS).view(-1, 1, 1), step, eye)
            level = (gray @ (torch.bmm(matrix, mean.unsqueeze(2)) + offset)) * (1 - params["contrast"]).view(-1, 1, 1)
            offset = torch.bmm(step, offset) + level.masked_fill_((op != CONTRAST).view(-1, 1, 1), 0.0)
            matrix = torch.bmm(step, matrix)
        gray = torch.where(params["gray"].view(-1, 1, 1), gray, eye)
        return gray @ matrix, (gray @ offset).squeeze(2)

    def _turn(self, shift: Tensor) -> Tensor:
        angle = 2 * torch.pi * shift
        turn = torch.zeros(len(shift), 3, 3, device=shift.device)
        turn[:, 0, 0] = 1
        turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
        turn[:, 1, 2] = angle.sin()
        turn[:, 2, 1] = -angle.sin()
        return self.rgb @ turn @ self.yiq

    def extra_repr(self) -> str:
        """The settings."""
        jitter = f"brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, hue={self.hue}"
        return f"{jitter}, jitter_p={self.jitter_p}, grayscale_p={self.grayscale_p}"
