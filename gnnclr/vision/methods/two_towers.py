"""Two encoders of two modalities, trained to agree."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.eval import ProbeResult
from gnnclr.eval.geometry import view_measures
from gnnclr.losses import CLIPLoss
from gnnclr.nn.chunks import check_chunk_size, in_chunks
from gnnclr.ops.check import describe
from gnnclr.vision.methods.caption_probe import caption_probes
from gnnclr.vision.methods.examples import Examples


class TwoTowers(nn.Module):
    r"""The method of `"Learning Transferable Visual Models From Natural Language Supervision"
    <https://arxiv.org/abs/2103.00020>`_ for any two modalities: the embedding of a sample by one encoder finds the
    embedding of the same sample by the other.

    The choice of modalities is a part of its own: :class:`~gnnclr.vision.PairedInputs` for images that come with
    something else, :class:`~gnnclr.vision.LuminanceChrominance` for brightness and color of one image.

    Args:
        encoders (tuple[torch.nn.Module, torch.nn.Module]): The encoder of each modality.
        projectors (tuple[torch.nn.Module, torch.nn.Module]): Maps the features of each encoder to embeddings of one
            width.
        modalities (torch.nn.Module): ``modalities(batch)`` makes the inputs of both encoders;
            ``modalities.plain(images)`` makes those that images alone have, without augmentation.
        loss (torch.nn.Module, optional): A loss ``loss(z0, z1)``. (default: ``CLIPLoss()``, whose temperature is
            learned)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`: those of the encoders whose modality the images have, side by side

    Example:
        >>> encoders = SlimResNet((16, 32), in_channels=1), SlimResNet((16, 32), in_channels=2)
        >>> modalities = LuminanceChrominance(Views([RandomResizedCrop(32)], views=1))
        >>> method = TwoTowers(encoders, (MLPHead(32, 64, 32), MLPHead(32, 64, 32)), modalities)
        >>> loss, logs = method.training_step_loss({"image": torch.rand(256, 3, 32, 32)})
        >>> features = method.eval()(torch.rand(8, 3, 32, 32))  # 64 wide
    """

    def __init__(
        self,
        encoders: tuple[nn.Module, nn.Module],
        projectors: tuple[nn.Module, nn.Module],
        modalities: nn.Module,
        loss: nn.Module | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__()
        self.encoders: nn.ModuleList = nn.ModuleList(_check_two("encoders", encoders))
        self.projectors: nn.ModuleList = nn.ModuleList(_check_two("projectors", projectors))
        self.modalities = modalities
        self.loss: nn.Module = CLIPLoss() if loss is None else loss
        self.chunk_size: int | None = check_chunk_size(chunk_size)

    def forward(self, images: Tensor) -> Tensor:
        """The features of ``images``, without augmentation."""
        inputs = self.modalities.plain(images)
        return torch.cat([self.encode(x, encoder) for encoder, x in zip(self.encoders, inputs)], dim=1)

    def features(self) -> nn.Module:
        """What is kept after training: a module that maps images :math:`(B, C, H, W)` in :math:`[0, 1]` to features
        :math:`(B, D)`. Weights are shared."""
        return _Encoders(self.modalities, self.encoders)

    def encode(self, x: Any, encoder: nn.Module) -> Tensor:
        """The features of the inputs of a modality, by its encoder."""
        return in_chunks(encoder, x, self.chunk_size)

    @torch.no_grad()
    def own_probes(self, examples: Examples, probes: Mapping[str, ProbeResult]) -> dict[str, ProbeResult]:
        """Where images have captions, retrieval both ways and zero-shot accuracy of the test images, see
        :func:`caption_probes`; the second tower is of texts then.

        Args:
            examples (Examples): The images, with ``captions`` and ``prompts``.
            probes (mapping): Probes of the features; they do not matter.
        """
        rows = examples.split.test
        captions, prompts = examples.captions(rows), examples.prompts()
        if captions is None or prompts is None:
            return {}
        device = next(self.parameters()).device
        image = torch.cat(
            [
                self.projectors[0](self.encode(self.modalities.plain(part.to(device))[0], self.encoders[0])).cpu()
                for part in examples.inputs(rows).split(512)
            ]
        )

        def embed(tokens: Tensor) -> Tensor:
            flat = tokens.flatten(0, 1).split(4096)
            parts = [self.projectors[1](self.encode(part.to(device), self.encoders[1])).cpu() for part in flat]
            return torch.cat(parts).view(*tokens.shape[:2], -1)

        return caption_probes(image.float(), captions, embed(captions), examples.labels[rows], embed(prompts))

    def training_step_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        Args:
            batch (dict): The input of :obj:`modalities`, such as ``image`` :math:`(B, C, H, W)`.

        Returns:
            The loss, and detached scalars to log: ``alignment`` of both towers and ``uniformity`` of the first, after
            `"Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere"
            <https://arxiv.org/abs/2005.10242>`_, and the ``temperature`` where it is learned.
        """
        inputs = _check_two("modalities(batch)", self.modalities(batch))
        features = (self.encode(x, encoder) for encoder, x in zip(self.encoders, inputs, strict=True))
        z0, z1 = (projector(x) for projector, x in zip(self.projectors, features, strict=True))
        loss = self.loss(z0, z1)
        logs = view_measures(z0, z1)
        learned = isinstance(getattr(self.loss, "temperature", None), Tensor)
        if learned or getattr(self.loss, "log_scale", None) is not None:
            conv = getattr(self.loss, "conv", None)
            logs["temperature"] = z0.new_tensor(float(conv.temperature), dtype=torch.float32)
        return loss, logs


class _Encoders(nn.Module):
    """The encoders of the modalities that images have, side by side."""

    def __init__(self, modalities: nn.Module, encoders: nn.ModuleList):
        super().__init__()
        self.modalities, self.encoders = modalities, encoders

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([encoder(x) for encoder, x in zip(self.encoders, self.modalities.plain(images))], dim=1)


def _check_two(name: str, parts: Any) -> tuple[Any, Any]:
    if not isinstance(parts, (tuple, list)) or len(parts) != 2:
        got = f"{len(parts)}" if isinstance(parts, (tuple, list)) else describe(parts)
        raise ValueError(f"'{name}' must be two, one for each modality (got {got})")
    return parts[0], parts[1]
