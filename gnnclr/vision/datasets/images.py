"""Labeled images in memory."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gnnclr.ops.check import check_number, describe
from gnnclr.ops.labels import UNLABELED


class Labeled(NamedTuple):
    """Images ``uint8`` [n, c, h, w] and their labels ``int64`` [n], ``-1`` where one is missing."""

    images: Tensor
    labels: Tensor


@dataclass
class Images:
    r"""A data set of labeled images in memory.

    Self-supervised training sees the images of :obj:`train`, :obj:`val` and :obj:`extra`, never their labels. Probes
    fit on :obj:`train`, choose their settings on :obj:`val`, and are judged once on :obj:`test`. Images whose label is
    missing (``-1``) are trained on, and left out of the probes.

    Args:
        train (Labeled): The images and labels probes fit on.
        val (Labeled): The images and labels settings are chosen on.
        test (Labeled): The held-out images and labels.
        classes (list[str]): The names of the labels.
        extra (torch.Tensor, optional): Images without labels. (default: :obj:`None`)
    """

    train: Labeled
    val: Labeled
    test: Labeled
    classes: list[str]
    extra: Tensor | None = None

    def __post_init__(self) -> None:
        for name in ("train", "val", "test"):
            images, labels = getattr(self, name)
            if images.dim() != 4 or images.dtype != torch.uint8:
                raise ValueError(f"'{name}' must have uint8 images of shape [n, c, h, w] (got {describe(images)})")
            if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
                raise ValueError(f"'{name}' must have int64 labels of shape [{len(images)}] (got {describe(labels)})")
            if len(labels) and (int(labels.min()) < UNLABELED or int(labels.max()) >= len(self.classes)):
                known = f"[0, {len(self.classes)}), or -1 where one is missing,"
                raise ValueError(f"'{name}' must have labels in {known} (got {labels.unique().tolist()})")
        if self.extra is not None and (self.extra.dtype != torch.uint8 or self.extra.shape[1:] != self.shape):
            wanted = ", ".join(map(str, self.shape))
            raise ValueError(f"'extra' must be uint8 images of shape [n, {wanted}] (got {describe(self.extra)})")

    @classmethod
    def hold_out(
        cls,
        train: Labeled,
        test: Labeled,
        classes: list[str],
        val: float = 0.1,
        seed: int = 0,
        extra: Tensor | None = None,
    ) -> "Images":
        r"""Takes a stratified share of :obj:`train` for validation, the same for the same :obj:`seed`.

        Args:
            train (Labeled): The images and labels to split.
            test (Labeled): The held-out images and labels.
            classes (list[str]): The names of the labels.
            val (float, optional): The share of every class that is held out for validation; images without
                a label stay. (default: ``0.1``)
            seed (int, optional): The seed of the choice. (default: ``0``)
            extra (torch.Tensor, optional): Images without labels. (default: :obj:`None`)
        """
        check_number("val", val, above=0, below=1)
        generator = torch.Generator().manual_seed(seed)
        held = torch.zeros(len(train.labels), dtype=torch.bool)
        for label in range(len(classes)):
            index = (train.labels == label).nonzero().squeeze(1)
            order = torch.randperm(len(index), generator=generator)
            held[index[order[: round(val * len(index))]]] = True
        rest = Labeled(train.images[~held], train.labels[~held])
        return cls(rest, Labeled(train.images[held], train.labels[held]), test, classes, extra)

    @property
    def unlabeled(self) -> Tensor:
        """The images that self-supervised training sees: those of ``train``, ``val`` and ``extra``, in this order."""
        parts = [self.train.images, self.val.images]
        return torch.cat(parts if self.extra is None else [*parts, self.extra])

    @property
    def train_and_extra(self) -> Tensor:
        """The same without those of ``val``, which are held out."""
        return self.train.images if self.extra is None else torch.cat([self.train.images, self.extra])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={len(getattr(self, name).labels)}" for name in ("train", "val", "test"))
        sizes += "" if self.extra is None else f", extra={len(self.extra)}"
        return f"{type(self).__name__}({sizes}, shape={list(self.shape)}, classes={len(self.classes)})"
