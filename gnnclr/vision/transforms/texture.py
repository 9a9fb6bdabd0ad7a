"""Non-semantic views: textures with the power spectrum of an image."""

import torch
from torch import Generator, Tensor

from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape


class RandomPhaseTexture(BatchTransform):
    r"""The random phase noise of `"Random Phase Textures: Theory and Synthesis"
    <https://doi.org/10.1109/TIP.2010.2052822>`_: the power spectrum of an image, and no shape of it.

    .. math:: \hat{\mathbf{Y}}_c(\boldsymbol{\xi}) = \hat{\mathbf{X}}_c(\boldsymbol{\xi})\,
        e^{\mathrm{i} \theta(\boldsymbol{\xi})}, \qquad \theta(-\boldsymbol{\xi}) = -\theta(\boldsymbol{\xi}),
        \quad \theta(\mathbf{0}) = 0

    with :math:`\theta` uniform, and the same for all channels :math:`c`, so that colors go together as before. The
    mean of every channel is kept; single values may leave the range of the image, and are not cut off, which would
    change the spectrum. Borders are read as periodic.

    As a negative it takes the place of the textures of `"Robust Contrastive Learning Using Negative Samples with
    Diminished Semantics" <https://arxiv.org/abs/2110.14189>`_. It is not their algorithm: those are made in advance by
    patch-based texture synthesis of each training image (:class:`ImageQuilting` with :class:`Textures`), these are made
    on the fly and have second-order statistics alone.

    Args:
        p (float, optional): The probability that a sample is transformed. (default: ``1.0``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** images :math:`(B, C, H, W)`
    """

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws the phases of every image, those of the non-negative half of the frequencies."""
        n, _, height, width = shape
        if n == 0:
            return {"phase": torch.empty(0, height, width // 2 + 1, device=device)}
        noise = torch.randn((n, height, width), generator=generator, device=device)
        # The phases of white noise are uniform, and have the symmetry of a real image.
        phase = torch.fft.rfft2(noise).angle()
        phase[:, 0, 0] = 0
        return {"phase": phase}

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The textures."""
        if len(images) == 0:
            return images
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        phase = params["phase"].to(x.dtype).unsqueeze(1)
        spectrum = torch.fft.rfft2(x) * torch.polar(torch.ones_like(phase), phase)
        return torch.fft.irfft2(spectrum, s=images.shape[2:]).to(images.dtype)
