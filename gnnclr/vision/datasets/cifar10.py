"""CIFAR-10, from image files or torchvision's folders."""

from pathlib import Path

import numpy as np
import torch

from gnnclr.ops.paths import expand_path
from gnnclr.vision.datasets.image_folder import image_folder
from gnnclr.vision.datasets.images import Images, Labeled


def cifar10(root: str | Path, cache: str | Path | None = None, seed: int = 0) -> Images:
    r"""CIFAR-10: 60,000 images of 32×32 in ten classes, 10,000 of them for the test.

    A tenth of the training images, stratified, is held out for validation.

    Args:
        root (str or Path): One of: ``cifar10.zip``, or a folder that holds it or is its contents, with images in
            ``train/<class>/`` and ``test/<class>/``; or a folder that :class:`torchvision.datasets.CIFAR10` reads.
        cache (str or Path, optional): Where decoded images are kept; see :func:`image_folder`.
        seed (int, optional): The seed of the split for validation. (default: ``0``)

    Raises:
        FileNotFoundError: If there is nothing to read at :obj:`root`.
    """
    root = expand_path(root)
    if (root / "cifar-10-batches-py").is_dir():
        return torchvision_images("CIFAR10", root, seed)
    for path in (root, root / "cifar10.zip", root / "cifar10"):
        if (path.suffix == ".zip" and path.is_file()) or (path / "train").is_dir():
            return image_folder(path, size=32, cache=cache, seed=seed)
    raise FileNotFoundError(
        f"'root' must be or hold cifar10.zip, a folder with train/<class>/ and test/<class>/, or "
        f"cifar-10-batches-py (got '{root}', which {'holds none of these' if root.exists() else 'does not exist'})"
    )


def torchvision_images(name: str, root: str | Path, seed: int = 0) -> Images:
    r"""CIFAR-10, CIFAR-100 or STL-10 as torchvision keeps them on disk. Nothing is downloaded.

    The 100,000 unlabeled images of STL-10, 2.8 GB, are ``extra``: self-supervised training sees them too.

    Args:
        name (str): ``"CIFAR10"``, ``"CIFAR100"`` or ``"STL10"``.
        root (str or Path): The folder that :mod:`torchvision.datasets` downloaded to.
        seed (int, optional): The seed of the split for validation. (default: ``0``)

    Raises:
        FileNotFoundError: If torchvision finds no files of that data set at :obj:`root`.
    """
    from torchvision import datasets

    from gnnclr.ops.check import check_choice

    check_choice("name", name, ("CIFAR10", "CIFAR100", "STL10"))
    root, kind = expand_path(root), getattr(datasets, name)
    try:
        if name == "STL10":
            parts = [kind(root, split=split) for split in ("train", "test", "unlabeled")]
        else:
            parts = [kind(root, train=train) for train in (True, False)]
    except RuntimeError as error:
        raise FileNotFoundError(f"'root' must be a folder with torchvision's {name} (got '{root}': {error})") from error
    classes = list(parts[0].classes)
    if name == "STL10":
        train, test = (Labeled(_rows(part.data), torch.as_tensor(part.labels).long()) for part in parts[:2])
        return Images.hold_out(train, test, classes, seed=seed, extra=_rows(parts[2].data))
    train, test = (
        Labeled(_rows(part.data.transpose(0, 3, 1, 2)), torch.as_tensor(part.targets).long()) for part in parts
    )
    return Images.hold_out(train, test, classes, seed=seed)


def _rows(images: np.ndarray) -> torch.Tensor:
    # torchvision hands out transposed arrays: batches would be gathered pixel by pixel.
    return torch.from_numpy(np.ascontiguousarray(images))
