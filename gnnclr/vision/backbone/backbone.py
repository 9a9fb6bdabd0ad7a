"""Backbone, what gnnclr.load returns: a trained encoder with the preprocessing of its images."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gnnclr.ops.check import describe
from gnnclr.ops.optional_package import optional_package
from gnnclr.vision.methods.method import channels_last
from gnnclr.vision.photos.decode import decode_pixels, upright_pixels
from gnnclr.vision.photos.square import CentralSquare
from gnnclr.vision.transforms.normalize import Normalize
from gnnclr.vision.transforms.views import to_float

if TYPE_CHECKING:
    from PIL.Image import Image

    Input = str | os.PathLike[str] | Image | Tensor | Sequence[str | os.PathLike[str] | Image]


class Backbone(nn.Module):
    r"""Maps images, in any form that they come in, to features. :func:`gnnclr.load` makes one of a run.

    An image is turned upright, brought to the channels and the size that the encoder was evaluated at
    (:obj:`square`), scaled to :math:`[0, 1]` and normalized. Taken are

    - the path of a file, or an image of Pillow: of any size and mode;
    - several of these, as a list;
    - a tensor :math:`(B, C, H, W)` or :math:`(C, H, W)` of one or three channels: ``uint8``, or floating point in
      :math:`[0, 1]`. One that already has the size of :obj:`square` is not resized.

    Nothing is frozen: it can be trained on. To read features, call it within :func:`torch.no_grad`.

    Args:
        features (torch.nn.Module): Maps images :math:`(B, C, S, S)`, floating point in :math:`[0, 1]`, to features,
            normalization included; see :meth:`gnnclr.vision.VisionMethod.features`.
        square (CentralSquare, optional): What is seen of an image. (default: :obj:`None`, all of it: then only tensors
            are taken)

    Shapes:
        - **input:** one image or several, as above
        - **output:** features :math:`(B, D)`, with :math:`B = 1` for one image

    Example:
        >>> backbone = gnnclr.load("runs/simclr-folder/1")
        >>> with torch.no_grad():
        ...     features = backbone(["cat.jpg", "dog.png"])
    """

    def __init__(self, features: nn.Module, square: CentralSquare | None = None) -> None:
        super().__init__()
        self.features: nn.Module = features
        self.square: CentralSquare | None = square
        #: The settings of the encoder and what is known of its training, as plain values, where it is that of a run.
        self.origin: dict[str, Any] | None = None

    if TYPE_CHECKING:  # torch says that any module returns anything

        def __call__(self, images: Input) -> Tensor:
            """The features of one image or several."""
            ...

    def forward(self, images: Any) -> Tensor:
        """The features of one image or several."""
        return self.features(channels_last(self.prepare(images)))

    @property
    def encoder(self) -> nn.Module:
        """The network alone, which takes normalized images."""
        return getattr(self.features, "encoder", self.features)

    def prepare(self, images: Any) -> Tensor:
        """Images as :attr:`features` takes them, :math:`(B, C, S, S)` in :math:`[0, 1]` on the device of the encoder.

        Raises:
            FileNotFoundError: If there is no file at a path.
            ValueError: If a file is no readable image, or ``images`` are nothing of what is taken.
        """
        device = next((parameter.device for parameter in self.parameters()), torch.device("cpu"))
        if isinstance(images, Tensor):
            return to_float(self._seen(_batch(images).to(device)))
        one = isinstance(images, (str, os.PathLike)) or not isinstance(images, Sequence)
        decoded = [self._decoded(image) for image in ([images] if one else images)]
        if not decoded:
            raise ValueError("'images' must be one image or more (got none)")
        return to_float(torch.stack([self._seen(image) for image in decoded]).to(device))

    def save_pretrained(self, folder: str | os.PathLike[str], **options: Any) -> None:
        """Writes ``config.json``, ``model.safetensors`` and a model card, ``README.md``, into a folder, which
        :func:`gnnclr.load` and :meth:`from_pretrained` read. It needs the extra ``hub``, as the next two do.

        Args:
            folder (str or Path): The folder.
            options: Further arguments of :meth:`huggingface_hub.ModelHubMixin.save_pretrained`.

        Raises:
            ValueError: If it is not the encoder of a run, or that of a method with several.
        """
        self._on_hub().save_pretrained(folder, **options)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Uploads the files of :meth:`save_pretrained` to the Hugging Face Hub, and returns the address.

        Args:
            repo_id (str): The repository, ``"user/name"``.
            options: Further arguments of :meth:`huggingface_hub.ModelHubMixin.push_to_hub`, such as ``private=True``.
        """
        return self._on_hub().push_to_hub(repo_id, **options)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], **options: Any) -> "Backbone":
        """The encoder of a repository of the Hugging Face Hub, or of a folder, in evaluation mode on the CPU.

        Args:
            name (str or Path): The repository, ``"user/name"``, or the folder.
            options: ``encoder``, the network, where it is none of this package; and further arguments of
                :meth:`huggingface_hub.ModelHubMixin.from_pretrained`, such as ``revision``.
        """
        return _hub().HubBackbone.from_pretrained(name, **options)

    def _on_hub(self) -> Any:
        return _hub().HubBackbone.of(self)

    def preprocessing(self) -> dict[str, Any]:
        """What :meth:`prepare` and the normalization do, as plain values: ``size``, ``share``, ``channels``, and
        ``mean`` and ``std`` of images in :math:`[0, 1]`."""
        square = {} if self.square is None else vars(self.square)
        normalize = next((part for part in self.modules() if isinstance(part, Normalize)), None)
        colors = {} if normalize is None else {name: getattr(normalize, name) for name in ("mean", "std")}
        return {**square, **{name: value.flatten().tolist() for name, value in colors.items()}}

    def _seen(self, image: Any) -> Tensor:
        return image if self.square is None else self.square(image)

    def _decoded(self, image: Any) -> Tensor:
        from PIL.Image import Image

        if self.square is None:
            raise ValueError(f"'images' must be a tensor: the run does not say what is seen of a file (got {image!r})")
        if isinstance(image, (str, os.PathLike)):
            return decode_pixels(os.fspath(image))
        if isinstance(image, Image):
            return upright_pixels(image)
        raise ValueError(
            f"'images' must be a path, an image of Pillow, a list of these, or a tensor [b, c, h, w] "
            f"(got {describe(image)})"
        )


def _hub() -> Any:
    optional_package("huggingface_hub", "huggingface_hub", "the Hugging Face Hub", "gnnclr[hub]")
    from gnnclr.vision.backbone import hub

    return hub


def _batch(images: Tensor) -> Tensor:
    x = images.unsqueeze(0) if images.dim() == 3 else images
    if x.dim() != 4 or not (x.dtype == torch.uint8 or x.is_floating_point()):
        raise ValueError(f"'images' must be uint8 or floating point of shape [b, c, h, w] (got {describe(images)})")
    return x
