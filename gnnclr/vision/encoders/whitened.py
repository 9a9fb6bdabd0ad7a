"""An encoder whose features are white."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.ops.check import check_count, check_matrix, check_positive, check_values
from gnnclr.vision.encoders.feature_width import declared_width


class Whitened(nn.Module):
    r"""An encoder whose features are white over the images that it was trained on: none of their directions outweighs
    others in a cosine. After `"Negative Evidences and Co-occurences in Image Retrieval: The Benefit of PCA and
    Whitening" <https://doi.org/10.1007/978-3-642-33709-3_55>`_,

    .. math:: (\mathbf{x} - \boldsymbol{\mu})\, \mathbf{V}
        \operatorname{diag}(\lambda_k + \epsilon \bar\lambda)^{-1/2}

    with the mean :math:`\boldsymbol{\mu}` of the features and the eigenvectors :math:`\mathbf{V}` and eigenvalues
    :math:`\lambda` of their covariance, largest first, of mean :math:`\bar\lambda`.

    In training features pass as they are, and so they do in evaluation until :meth:`fit` has seen some. A run does that
    when its training ends, with training images as they are evaluated, and without labels; mean and matrix are in its
    checkpoint.

    Args:
        encoder (torch.nn.Module): The encoder, of features :math:`(B, D)`.
        ridge (float, optional): The factor :math:`\epsilon > 0`: how much of the mean variance each direction has
            beside its own, so that what is mostly noise is not made large. (default: ``0.1``)
        out_features (int, optional): The width :math:`D`, where the encoder does not declare it as ``out_features`` or
            ``out_channels``. (default: ``None``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** features :math:`(B, D)`

    Raises:
        ValueError: If the width is not known, or an argument does not fit.

    Examples:
        >>> encoder = Whitened(SlimResNet())
        >>> encoder.fit(encoder(images))
        >>> white = encoder.eval()(images)
    """

    def __init__(self, encoder: nn.Module, ridge: float = 0.1, out_features: int | None = None):
        super().__init__()
        self.encoder: nn.Module = encoder
        self.ridge: float = check_positive("ridge", ridge)
        width = declared_width(encoder) if out_features is None else check_count("out_features", out_features)
        if width is None:
            raise ValueError(
                f"'out_features' must be the width of the features, which 'encoder' does not declare (got none, and "
                f"{type(encoder).__name__} as 'encoder')"
            )
        self.out_features: int = width
        if isinstance(channels := getattr(encoder, "in_channels", None), int):
            self.in_channels: int = channels
        self.mean: Tensor
        self.matrix: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("matrix", torch.eye(width))
        #: Whether features were seen since the encoder was trained.
        self.is_fitted: bool = False

    def forward(self, images: Tensor) -> Tensor:
        """The features of ``images``."""
        features = self.encoder(images)
        if self.training:
            self.reset()
            return features
        return (features - self.mean) @ self.matrix

    def reset(self) -> None:
        """Forgets what was fitted: features of another encoder are white in another way."""
        if self.is_fitted:
            self.mean.zero_()
            self.matrix.zero_().fill_diagonal_(1)
            self.is_fitted = False

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Takes mean and covariance of features that the encoder gives, as they are before they are white.

        Args:
            features (Tensor): Two rows or more :math:`(n, D)`.
        """
        rows = check_values("features", check_matrix("features", features, cols=self.out_features)).double()
        if len(rows) < 2:
            raise ValueError(f"'features' must have two rows or more (got {len(rows)})")
        mean = rows.mean(dim=0)
        rows = rows - mean
        variance, directions = torch.linalg.eigh(rows.t() @ rows / len(rows))
        variance = variance.clamp(min=0).flip(0)
        least = torch.finfo(torch.float32).tiny  # where all features are constant
        scale = (variance + self.ridge * variance.mean()).clamp(min=least).rsqrt()
        self.mean.copy_(mean)
        self.matrix.copy_(directions.flip(1) * scale)
        self.is_fitted = True

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self.is_fitted = not torch.equal(self.matrix, torch.eye(self.out_features).to(self.matrix))

    def extra_repr(self) -> str:
        """How much variance is added."""
        return f"ridge={self.ridge:g}"
