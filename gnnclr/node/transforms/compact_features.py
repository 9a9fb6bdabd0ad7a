"""Features in few columns."""

import copy

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.node.datasets.data import check_features
from gnnclr.node.transforms.features import SVDFeatures, TfidfFeatures
from gnnclr.node.transforms.fitted import FittedTransform
from gnnclr.ops.check import check_count, check_seed


class CompactFeatures(FittedTransform):
    r"""Keeps features of few columns as they are, and replaces more columns by as many singular directions.

    Where all entries of many columns are whole numbers and none is negative they are taken for counts of words, and
    weighed by rarity first: latent semantic analysis. So propagation and probes cost about the same for any features.
    Columns keep their units.

    Args:
        num_components (int, optional): The most columns :math:`K`. (default: ``512``)
        seed (int, optional): Seed of :class:`~gnnclr.node.SVDFeatures`. (default: ``0``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)`, dense or sparse CSR
        - **output:** the graph with features :math:`(n, F)` where :math:`F \le K`, and dense ones
          :math:`(n, \min(K, n))` otherwise

    Raises:
        ValueError: If the graph has no features, or some that are not finite.
    """

    def __init__(self, num_components: int = 512, seed: int = 0):
        self.num_components: int = check_count("num_components", num_components)
        self.seed: int = check_seed("seed", seed)

    def fit(self, data: Data) -> tuple[dict[str, Tensor], Tensor]:
        """The weight of each word and the directions [K, F], where they are needed, and the features."""
        x = check_features(data)
        if x.size(1) <= self.num_components:
            return {"columns": torch.arange(x.size(1))}, x
        state = {}
        if are_counts(x):
            state, x = TfidfFeatures().fit(data)
        found, x = SVDFeatures(self.num_components, self.seed).fit(_with(data, x))
        return state | found, x

    def transform(self, data: Data) -> Tensor:
        """The features of another graph, by the weights and directions of that which the transform is fitted to."""
        parts = {"weight": TfidfFeatures(), "directions": SVDFeatures(self.num_components, self.seed)}
        for name, part in parts.items():
            if name in self.state:
                part.state = {name: self.state[name]}
                data = part.apply(data)
        return check_features(data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_components={self.num_components})"


def are_counts(x: Tensor) -> bool:
    """Whether all entries are whole numbers and none is negative.

    Args:
        x (Tensor): Features, dense or sparse CSR.
    """
    values = x.values() if x.layout == torch.sparse_csr else x
    return bool(((values >= 0) & (values == values.round())).all())


def _with(data: Data, x: Tensor) -> Data:
    data = copy.copy(data)
    data.x = x
    return data
