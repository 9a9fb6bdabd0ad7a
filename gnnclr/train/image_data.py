"""Images for contrastive training."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gnnclr.eval import Split
from gnnclr.ops.check import check_choice, describe
from gnnclr.train.contrastive_data import ContrastiveData, device_of
from gnnclr.vision import Images, TensorLoader, cifar10, digits, digits_canvas, image_folder

DATASETS = ("digits", "digits-canvas", "cifar10", "folder")


class ImageData(ContrastiveData):
    """Batches of images, and labelled images for the probes.

    Training sees all images but the test images, without labels. Probes are fitted on the training images, and choose
    their settings on a fixed tenth of them that is held out for validation.

    Args:
        dataset (str): ``"digits"`` and ``"digits-canvas"`` come with scikit-learn, ``"cifar10"`` and ``"folder"`` (one
            folder of images a class) are read from ``root``.
        root (str, optional): Where the files are. (default: ``None``)
        size (int, optional): Height and width of the canvas, or of images from a folder. (default: the one of the data)
        batch_size (int, optional): Images in a batch. (default: ``256``)
        seed (int, optional): The seed of the order of batches. (default: ``0``)

    Raises:
        ValueError: If ``dataset`` is unknown, or needs a ``root`` or a ``size`` and has none.
    """

    def __init__(
        self, dataset: str, root: str | None = None, size: int | None = None, batch_size: int = 256, seed: int = 0
    ) -> None:
        super().__init__(seed)
        self.dataset = check_choice("data.dataset", dataset, DATASETS)
        if dataset in ("cifar10", "folder") and root is None:
            raise ValueError(f"'data.root' must be the folder with the files of {dataset!r} (got none)")
        if dataset == "folder" and size is None:
            raise ValueError("'data.size' must be the height and width of the images (got none)")
        if batch_size < 2:
            raise ValueError(f"'data.batch_size' must be at least 2, or nothing repels (got {describe(batch_size)})")
        self.root, self.size, self.batch_size = root, size, batch_size
        self.images: Images | None = None

    def setup(self, stage: str) -> None:
        """Loads the images, once."""
        if self.images is not None:
            return
        size = {} if self.size is None else {"size": self.size}
        load: dict[str, Callable[[], Images]] = {
            "digits": digits,
            "digits-canvas": lambda: digits_canvas(**size),
            "cifar10": lambda: cifar10(self.root),
            "folder": lambda: image_folder(self.root, **size),
        }
        self.images = load[self.dataset]()
        parts = (self.images.train, self.images.val, self.images.test)
        self.labels = torch.cat([part.labels for part in parts])
        self.in_channels = self.images.shape[0]
        self.split = Split(*torch.arange(len(self.labels)).split([len(part.labels) for part in parts]))

    def batches(self) -> TensorLoader:
        """Shuffled batches of the images that are no test images."""
        images = self.images.unlabelled
        if len(images) < self.batch_size:
            raise ValueError(f"'data.batch_size' must be at most the {len(images)} images (got {self.batch_size})")
        rank, world_size = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        return TensorLoader(images, batch_size=self.batch_size, seed=self.seed, rank=rank, world_size=world_size)

    @torch.no_grad()
    def embed(self, method: nn.Module) -> Tensor:
        """The encoder's features [n, d] of all images, in evaluation mode."""
        training, device = method.training, device_of(method)
        method.eval()
        parts = (self.images.train, self.images.val, self.images.test)
        chunks = [chunk for part in parts for chunk in part.images.split(512)]
        features = torch.cat([method(chunk.to(device)).float().cpu() for chunk in chunks])
        method.train(training)
        return features

    def baselines(self) -> dict[str, Callable[[], Tensor]]:
        """The pixels."""
        parts = (self.images.train, self.images.val, self.images.test)
        return {"raw": lambda: torch.cat([part.images for part in parts]).flatten(1).float() / 255}
