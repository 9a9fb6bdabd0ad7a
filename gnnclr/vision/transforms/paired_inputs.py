"""Images that come with something else."""

from torch import Tensor, nn

from gnnclr.vision.transforms.views import Views


class PairedInputs(nn.Module):
    r"""The modalities of batches that hold an ``image`` and, row by row, an ``other`` of any kind: a caption, a second
    sensor, features of another network.

    Args:
        views (Views): Makes the view of the images, the first if it makes several.
        transform (torch.nn.Module, optional): Applied to ``other``. (default: :obj:`None`, the identity)

    Shapes:
        - **input:** a batch with ``image`` :math:`(B, C, H, W)` and ``other`` :math:`(B, *)`
        - **output:** views :math:`(B, C, H', W')` and ``other`` as the transform returns it
    """

    def __init__(self, views: Views, transform: nn.Module | None = None):
        super().__init__()
        self.views = views
        self.transform: nn.Module = nn.Identity() if transform is None else transform

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The inputs of both towers."""
        if "other" not in batch or len(batch["other"]) != len(batch["image"]):
            got = f"{len(batch['other'])} rows" if "other" in batch else f"only {', '.join(map(repr, batch))}"
            raise ValueError(
                f"'batch' must have a row of 'other' for each of the {len(batch['image'])} images (got {got})"
            )
        return self.views(batch["image"])[0], self.transform(batch["other"])

    def plain(self, images: Tensor) -> tuple[Tensor]:
        """The images, without augmentation, for the first tower alone."""
        return (self.views.plain(images),)
