"""How features of images are judged."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from gnnclr.eval import Split, knn_probe, linear_probe
from gnnclr.vision import Images

#: Images that probes fit on, and choose by.
FIT, CHOOSE = 10_000, 2_000
#: Of raw pixels, with a smaller grid: a fit in 3,072 dimensions costs as much as twenty in 128.
pixel_probe = partial(linear_probe, scalings=["standardize"], C=[0.01, 0.1, 1.0], max_iter=300, tol=1e-4)


class Probing:
    """Some training images to fit on, some validation images to choose by and all test images, the same for all runs.

    Args:
        data (Images): The data set.
    """

    def __init__(self, data: Images):
        generator = torch.Generator().manual_seed(0)
        parts = ((data.train, FIT), (data.val, CHOOSE), (data.test, len(data.test.labels)))
        chosen = [(part, torch.randperm(len(part.labels), generator=generator)[:n]) for part, n in parts]
        self.images = torch.cat([part.images[index] for part, index in chosen])
        self.labels = torch.cat([part.labels[index] for part, index in chosen])
        self.split = Split(*torch.arange(len(self.labels)).split([len(index) for _, index in chosen]))
        self.settings = {"fit": FIT, "choose": CHOOSE}

    def scores(self, x: Tensor, linear: Callable = linear_probe) -> dict[str, float]:
        """Accuracy of both probes on test images, and on validation images, of their features ``x``."""
        probes = {"kNN": knn_probe, "linear": linear}
        results = {name: probe(x, self.labels, self.split) for name, probe in probes.items()}
        validation = {f"{name}, validation": result.val for name, result in results.items()}
        return {name: result.test for name, result in results.items()} | validation
