"""Captions of images, as words that a text encoder takes."""

import re
import zlib
from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.ops.check import check_count

#: The names of the digits.
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def word_tokens(texts: Sequence[str], length: int = 8, buckets: int = 4096) -> Tensor:
    """Texts as numbers of words, by hashes of them: any text has some, and no vocabulary is to be kept.

    Args:
        texts (sequence of str): The texts. Case and punctuation do not count.
        length (int, optional): Words of a text; further ones are cut off, and missing ones are 0. (default: ``8``)
        buckets (int, optional): Numbers of words, from 1 on; words may share one. (default: ``4096``)

    Returns:
        Tensor: The numbers :math:`(n, length)`.
    """
    check_count("length", length)
    check_count("buckets", buckets)
    tokens = torch.zeros(len(texts), length, dtype=torch.long)
    for row, text in zip(tokens, texts):
        words = re.findall(r"\w+", text.lower())[:length]
        row[: len(words)] = torch.tensor([1 + zlib.crc32(word.encode()) % buckets for word in words], dtype=torch.long)
    return tokens


class Captions:
    """Base class of captions: a subclass writes :meth:`of_images` and :meth:`of_classes`, texts alone.

    Args:
        length (int, optional): Words of a caption, see :func:`word_tokens`. (default: ``8``)
        buckets (int, optional): Numbers of words. (default: ``4096``)
    """

    def __init__(self, length: int = 8, buckets: int = 4096):
        self.length: int = check_count("length", length)
        self.buckets: int = check_count("buckets", buckets)

    def of_images(self, images: Tensor, labels: Tensor, classes: Sequence[str]) -> list[list[str]]:
        """Captions of each image, the same number for all.

        Args:
            images (Tensor): Images ``uint8`` [n, c, h, w].
            labels (Tensor): Their labels [n].
            classes (sequence of str): The names of the labels.
        """
        raise NotImplementedError

    def of_classes(self, classes: Sequence[str]) -> list[list[str]]:
        """Captions of each class as a whole, the same number for all, by which images are classified.

        Args:
            classes (sequence of str): The names of the classes.
        """
        raise NotImplementedError

    def tokens(self, texts: list[list[str]]) -> Tensor:
        """Texts as numbers of words [n, K, length].

        Args:
            texts (list): The texts of each of n images or classes.
        """
        if not texts or len({len(each) for each in texts}) > 1 or not texts[0]:
            sizes = sorted({len(each) for each in texts})
            raise ValueError(f"'texts' must be the same number of captions for each, at least one (got {sizes})")
        flat = word_tokens([text for each in texts for text in each], self.length, self.buckets)
        return flat.view(len(texts), -1, self.length)


class DigitCaptions(Captions):
    """Captions of the handwritten digits that need no file: the name in several words, and how the digit is written.

    For a seven, such as "seven", "the digit 7", "a bold seven", "a narrow 7" and "a bold narrow seven". It is bold
    where it has more ink than the median of its class, and wide where it is wider than the median. Classes are called
    by other phrases of the same words.

    Args:
        length (int, optional): Words of a caption, see :func:`word_tokens`. (default: ``8``)
        buckets (int, optional): Numbers of words. (default: ``4096``)
    """

    def of_images(self, images: Tensor, labels: Tensor, classes: Sequence[str]) -> list[list[str]]:
        """Five captions of each digit."""
        _check_digits(classes)
        ink = images.flatten(1).float().mean(dim=1)
        width = (images.amax(dim=(1, 2)) > 64).sum(dim=1).float()  # columns with ink
        bold, wide = _above_median(ink, labels), _above_median(width, labels)
        texts = []
        for label, is_bold, is_wide in zip(labels.tolist(), bold.tolist(), wide.tolist()):
            name, stroke, shape = NAMES[label], "bold" if is_bold else "thin", "wide" if is_wide else "narrow"
            two = f"a {stroke} {shape} {name}"
            texts.append([two, f"a {stroke} {name}", f"a {shape} {label}", f"the digit {label}", name])
        return texts

    def of_classes(self, classes: Sequence[str]) -> list[list[str]]:
        """Three captions of each digit's class."""
        _check_digits(classes)
        return [[f"the digit {NAMES[i]}", f"a {NAMES[i]}", f"the {i}"] for i in range(len(classes))]


def _check_digits(classes: Sequence[str]) -> None:
    if list(classes) != [str(i) for i in range(10)]:
        raise ValueError(
            f"'data.captions' must fit the data: DigitCaptions are of the classes 0 to 9 (got {', '.join(classes)})"
        )


def _above_median(x: Tensor, labels: Tensor) -> Tensor:
    """Whether each value is above the median of its class."""
    median = torch.stack(
        [x[labels == label].median() if bool((labels == label).any()) else x.new_zeros(()) for label in range(10)]
    )
    return x > median[labels]
