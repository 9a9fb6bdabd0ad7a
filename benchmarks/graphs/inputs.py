"""What a run sees of a graph, and what the probe sees."""

import copy
import hashlib
import pickle
from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from gnnclr.node import SparseFeatures, SVDFeatures, TfidfFeatures, load_node_data
from gnnclr.ops.check import describe

#: What rows without training see: features as they are, or their latent semantic analysis, which is words weighed by
#: rarity and their first 512 singular directions. Methods see what their recipes say.
FEATURES = {"raw": None, "lsa": Compose([TfidfFeatures(), SVDFeatures(512)])}


class BenchmarkGraph:
    """A graph without its labels for training, and the labels and splits for the probe.

    Args:
        name (str): What :func:`gnnclr.node.load_node_data` reads.
        root (str): Where the files are.
        device (torch.device): Where training happens.

    Raises:
        ValueError: If there are no integer labels of at least two classes.
    """

    def __init__(self, name: str, root: str, device: torch.device):
        self.labeled = load_node_data(name, root, split_seed=None)
        y = self.labeled.y
        if not isinstance(y, Tensor) or y.is_floating_point() or y.shape != (self.labeled.num_nodes,):
            raise ValueError(f"'data.y' must hold an integer label for each node, of shape [n] (got {describe(y)})")
        masks = [mask.view(y.numel(), -1) for key, mask in self.labeled.to_dict().items() if key.endswith("_mask")]
        probed = torch.cat(masks, dim=1).any(dim=1) if masks else torch.ones_like(y, dtype=torch.bool)
        if bool((y[probed] < 0).any()):
            raise ValueError(f"'data.y' must not be negative but for nodes outside all masks (got {int(y.min())})")
        if y.unique().numel() < 2:
            raise ValueError(f"'data.y' must hold at least two classes (got {y.unique().numel()})")
        self.y = y
        self.name, self.hash = name, _hash(self.labeled)
        self._data = {pickle.dumps(None): _unlabeled(self.labeled).to(device)}

    def data(self, transform: Callable[[Data], Data] | None = None) -> Data:
        """The graph with features as a transform makes them; the same object each time, since methods remember what
        they derive from it."""
        key = pickle.dumps(transform)
        if key not in self._data:
            data = copy.copy(self._data[pickle.dumps(None)])
            data.x = data.x.to_dense()
            self._data[key] = SparseFeatures()(transform(data))
        return self._data[key]

    @property
    def splits_vary(self) -> bool:
        """Whether seeds have splits of their own."""
        return "train_mask" not in self.labeled or self.labeled.train_mask.dim() == 2


def _unlabeled(data: Data) -> Data:
    data = copy.copy(data)
    for key in [key for key in data.to_dict() if key == "y" or key.endswith("_mask")]:
        del data[key]
    return data


def _hash(data: Data) -> str:
    """Eight hexadecimal digits that change with the content of the graph."""
    digest = hashlib.sha256()
    for key in sorted(data.keys()):
        value = data[key]
        if isinstance(value, Tensor):
            sparse = value.layout == torch.sparse_csr
            parts = (value.crow_indices(), value.col_indices(), value.values()) if sparse else (value,)
            digest.update(f"{key}{tuple(value.shape)}".encode())
            for part in parts:
                digest.update(part.contiguous().numpy().tobytes())
    return digest.hexdigest()[:8]
