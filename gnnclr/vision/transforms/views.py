"""Random views of a batch of images."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gnnclr.ops.check import check_choice, check_count, check_number, check_probability, describe
from gnnclr.vision.transforms.batch_share import BatchShare, draw
from gnnclr.vision.transforms.blur import GaussianBlur
from gnnclr.vision.transforms.color import ColorJitter, Grayscale
from gnnclr.vision.transforms.crop import RandomResizedCrop
from gnnclr.vision.transforms.fused import FusedColorJitter
from gnnclr.vision.transforms.normalize import CIFAR_MEAN, CIFAR_STD, Normalize
from gnnclr.vision.transforms.transform import BatchTransform, check_images

#: The pixels of the images that a chunk is the number of.
PIXELS = 32 * 32
#: The fewest images of a chunk: of fewer, operations on tensors take longer to begin than what the cache saves.
LEAST = 4


class Views(nn.Module):
    r"""Makes random views of a batch of images by a chain of batch transforms.

    Parameters are drawn for all samples of a view at once, images are made in chunks that fit the processor's cache.
    The result depends on the generator's state alone, not on the size of the chunks. In a training on several processes
    each makes the views that one process would make of its samples among those of all.

    Photos of many sizes are cropped one by one, where they are read (:class:`~gnnclr.vision.PhotoCrops`). Such crops
    are ``uint8`` of five dimensions, and are put through all parts but the first, which must be the
    :class:`~gnnclr.vision.RandomResizedCrop` that made them.

    Args:
        parts (Sequence[BatchTransform]): The transforms, in order.
        views (int, optional): The number of views of every image. (default: ``2``)
        normalize (torch.nn.Module, optional): The map from :math:`[0, 1]` to the encoder's range, at the end of every
            view. (default: :obj:`None`, the identity)
        chunk (int, optional): The number of images made at a time on a CPU, if they have 32×32 pixels; fewer of larger
            ones, at least four. :obj:`None` makes all at once. (default: ``128``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`; or the crops of all
          views, ``uint8`` :math:`(B, \text{views}, C, S, S)`
        - **output:** a list of views :math:`(B, C, H', W')`, ``float32``
    """

    def __init__(
        self,
        parts: Sequence[BatchTransform],
        views: int = 2,
        normalize: nn.Module | None = None,
        chunk: int | None = 128,
    ):
        super().__init__()
        self.parts: nn.ModuleList = nn.ModuleList(parts)
        self.views: int = check_count("views", views)
        self.normalize: nn.Module = nn.Identity() if normalize is None else normalize
        self.chunk: int | None = check_count("chunk", chunk, optional=True)

    @torch.no_grad()
    def forward(self, images: Tensor, generator: Generator | None = None) -> list[Tensor]:
        """Makes :obj:`views` random views of ``images``, with random numbers from ``generator`` or torch's own."""
        if isinstance(images, Tensor) and images.dim() == 5:
            return [self._view(self._crops(images)[:, v], self.parts[1:], generator) for v in range(self.views)]
        _check_input(images)
        return [self._view(images, self.parts, generator) for _ in range(self.views)]

    def alike(self, *batches: Tensor) -> list[list[Tensor]]:
        """The same random views of several batches whose rows belong together, such as images and their textures.

        Args:
            batches (torch.Tensor): Images, as many in each.
        """
        share = BatchShare.current()
        seed = int(torch.randint(2**62, (), generator=None if share is None else share.generator(torch.device("cpu"))))
        return [self(images, Generator(images.device).manual_seed(seed)) for images in batches]

    @property
    def crop(self) -> RandomResizedCrop | None:
        """The first part, if it is a random crop: then images may come as crops."""
        first = self.parts[0] if len(self.parts) else None
        return first if isinstance(first, RandomResizedCrop) else None

    @property
    def photo_crops(self) -> list[tuple[RandomResizedCrop, int]]:
        """What crops photos where they are read, and how many views it makes; of no crop nothing."""
        return [] if self.crop is None else [(self.crop, self.views)]

    def _crops(self, images: Tensor) -> Tensor:
        crop = self.crop
        wanted = None if crop is None else (self.views, images.size(2), crop.size, crop.size)
        if images.dtype != torch.uint8 or tuple(images.shape[1:]) != wanted:
            shape = (
                "[b, c, h, w]" if wanted is None else f"[b, {', '.join(map(str, wanted))}] as crops, or [b, c, h, w]"
            )
            raise ValueError(f"'images' must be uint8 of shape {shape} (got {describe(images)})")
        return images

    def plain(self, images: Tensor) -> Tensor:
        """The images themselves in the range of the views, for evaluation."""
        return self.normalize(to_float(_check_input(images)))

    def _view(self, images: Tensor, parts: Iterable[Any], generator: Generator | None) -> Tensor:
        shape, params = tuple(images.shape), []
        for part in parts:
            params.append(draw(part, shape, generator, images.device))
            shape = part.out_shape(shape)
        n = len(images)
        pixels = max(images.shape[-2] * images.shape[-1], shape[-2] * shape[-1])
        chunk = n
        if self.chunk is not None and not images.is_cuda:
            chunk = min(self.chunk, max(LEAST, self.chunk * PIXELS // pixels))
        out = torch.empty(shape, dtype=torch.float32, device=images.device)
        for start in range(0, n, max(chunk, 1)):
            rows = slice(start, start + chunk)
            x = to_float(images[rows])
            for part, drawn in zip(parts, params):
                x = part(x, {name: value[rows] for name, value in drawn.items()})
            out[rows] = self.normalize(x)
        return out


class BatchViews(Views):
    r"""The views of `"A Simple Framework for Contrastive Learning of Visual Representations"
    <https://arxiv.org/abs/2002.05709>`_: a random crop, mirrored or not, color jitter, grayscale and blur.

    Defaults are those of SimCLR on CIFAR-10: jitter at half of ImageNet's strength, no blur. Every parameter is
    distributed as in torchvision's transforms of the same names. Images of one channel have no saturation, hue and
    grayscale to change.

    Args:
        size (int): Height and width of the views.
        views (int, optional): The number of views of every image. (default: ``2``)
        scale (tuple[float, float], optional): Bounds of the crop's share of the area. (default: ``(0.2, 1.0)``)
        ratio (tuple[float, float], optional): Bounds of the crop's width by its height. (default: ``(3/4, 4/3)``)
        flip (float, optional): The probability that a view is mirrored. (default: ``0.5``)
        jitter (tuple[float, float, float, float], optional): Strengths of brightness, contrast, saturation and hue.
            (default: ``(0.4, 0.4, 0.4, 0.1)``)
        jitter_p (float, optional): The probability that a view is jittered. (default: ``0.8``)
        grayscale_p (float, optional): The probability that a view is turned to grayscale. (default: ``0.2``)
        blur_p (float, optional): The probability that a view is blurred, by a window of a tenth of the view.
            (default: ``0.0``)
        mean (Sequence[float] or float, optional): Mean of every channel, subtracted at the end. In a recipe it is that
            of the data where none is given. (default: CIFAR-10's)
        std (Sequence[float] or float, optional): Deviation of every channel, divided by at the end, as the mean.
            (default: CIFAR-10's)
        hue (str, optional): ``"hsv"``: colors exactly as torchvision's (:class:`ColorJitter`); ``"yiq"``: one color
            matrix per image, faster and slightly different (:class:`FusedColorJitter`). (default: ``"hsv"``)
        chunk (int, optional): The number of images of 32×32 made at a time on a CPU; of larger ones fewer, at least
            four. (default: ``128``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** a list of views :math:`(B, C, \text{size}, \text{size})`, ``float32``
    """

    def __init__(
        self,
        size: int,
        views: int = 2,
        scale: tuple[float, float] = (0.2, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        flip: float = 0.5,
        jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1),
        jitter_p: float = 0.8,
        grayscale_p: float = 0.2,
        blur_p: float = 0.0,
        mean: Sequence[float] | float | None = CIFAR_MEAN,
        std: Sequence[float] | float | None = CIFAR_STD,
        hue: str = "hsv",
        chunk: int | None = 128,
    ):
        check_choice("hue", hue, ("hsv", "yiq"))
        if not isinstance(jitter, (tuple, list)) or len(jitter) != 4:
            raise ValueError(f"'jitter' must be four strengths (got {describe(jitter)})")
        for strength in jitter:
            check_number("jitter", strength, least=0)
        for name, p in (("jitter_p", jitter_p), ("grayscale_p", grayscale_p), ("blur_p", blur_p)):
            check_probability(name, p)
        parts: list[BatchTransform] = [RandomResizedCrop(size, scale, ratio, flip)]
        if hue == "yiq":
            parts.append(FusedColorJitter(*jitter, jitter_p=jitter_p, grayscale_p=grayscale_p))
        else:
            parts += [ColorJitter(*jitter, p=jitter_p), Grayscale(grayscale_p)]
        if blur_p > 0:
            parts.append(GaussianBlur(size // 20 * 2 + 1, p=blur_p))
        super().__init__(parts, views, Normalize(mean, std), chunk)


def to_float(images: Tensor) -> Tensor:
    """``uint8`` images as ``float32`` in [0, 1]; floating point images as ``float32``."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images.float()


def _check_input(images: Tensor) -> Tensor:
    if isinstance(images, Tensor) and images.dtype == torch.uint8 and images.dim() == 4:
        return images
    return check_images("images", images)
