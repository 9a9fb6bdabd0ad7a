"""Fine-tuning: the whole encoder learns to classify labeled images."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gnnclr.eval import ProbeResult
from gnnclr.eval.labels import check_grid
from gnnclr.ops.check import check_count, check_positive, check_seed
from gnnclr.ops.labels import UNLABELED
from gnnclr.train.contrastive_data import device_of
from gnnclr.train.image_data import ImageData
from gnnclr.train.optim.groups import parameter_groups
from gnnclr.train.optim.schedule import warmup_cosine
from gnnclr.train.photo_data import PhotoData
from gnnclr.vision import Backbone, RandomResizedCrop
from gnnclr.vision.photos.loader import PhotoLoader

#: The smallest share of an image's area that a crop has: more than in contrastive training, as the class must be seen.
LEAST_AREA = 0.25


class Classifier(nn.Module):
    """An encoder and a linear layer that begins with zeros.

    Args:
        backbone (Backbone): The encoder, which is copied.
        width (int): The width of its features.
        classes (int): The number of classes.
    """

    def __init__(self, backbone: Backbone, width: int, classes: int) -> None:
        super().__init__()
        self.backbone: Backbone = copy.deepcopy(backbone)
        self.head: nn.Linear = nn.Linear(width, classes).to(device_of(backbone))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """The scores of images as they are."""
        return self.head(self.backbone(images))


def finetune(
    backbone: Backbone,
    data: ImageData | PhotoData,
    epochs: int,
    *,
    lrs: Sequence[float] = (0.0001, 0.001),
    seed: int = 0,
) -> ProbeResult:
    """Trains an encoder and a linear layer on labeled training images, by random crops that are mirrored at random,
    with AdamW and a learning rate that falls as a cosine. The learning rate is the one with the best accuracy on the
    validation images (on a tie the first); the test images are looked at once, with that. The weights are those after
    the last epoch.

    Args:
        backbone (Backbone): The encoder, which stays as it is.
        data (ImageData or PhotoData): Images with a split, set up, whose batches have labels (``labels=True``).
        epochs (int): Passes over the training images.
        lrs (sequence of float, optional): Learning rates. (default: ``(0.0001, 0.001)``)
        seed (int, optional): The seed of the crops; the global generator is left alone. (default: ``0``)
    """
    check_count("epochs", epochs)
    check_seed("seed", seed)
    labels, split = data.labels, data.split
    classes = labels[split.train][labels[split.train] != UNLABELED].unique()
    best: tuple[float, float, Tensor] | None = None
    for lr in check_grid("lrs", lrs):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = _trained(backbone, data, classes, epochs, check_positive("lrs", lr))
        predicted = classes[data.embed(network).argmax(dim=1)]
        val = _accuracy(predicted, labels, split.val)
        if best is None or val > best[0]:
            best = val, lr, predicted
    val, lr, predicted = best
    settings = {"lr": lr, "epochs": epochs}
    return ProbeResult(_accuracy(predicted, labels, split.test), val, settings, predicted[split.test])


def _trained(backbone: Backbone, data: ImageData | PhotoData, classes: Tensor, epochs: int, lr: float) -> Classifier:
    loader, square, device = data.batches(), backbone.square, device_of(backbone)
    with torch.no_grad():
        width = backbone.eval()(torch.zeros(1, square.channels, square.size, square.size)).size(1)
    network, crop = Classifier(backbone, width, len(classes)), RandomResizedCrop(square.size, (LEAST_AREA, 1.0))
    optimizer = torch.optim.AdamW(parameter_groups(network), lr=lr)
    schedule = warmup_cosine(optimizer, epochs * len(loader))
    network.train()
    for _ in range(epochs):
        for batch in loader:
            images = network.backbone.prepare(batch["image"].to(device))
            scores = network.head(network.backbone.features(crop(images)))
            optimizer.zero_grad()
            cross_entropy(scores, torch.searchsorted(classes, batch["label"]).to(device)).backward()
            optimizer.step()
            schedule.step()
    if isinstance(loader, PhotoLoader):
        loader.close()
    return network


def _accuracy(predicted: Tensor, labels: Tensor, rows: Tensor) -> float:
    return (predicted[rows] == labels[rows]).double().mean().item()
