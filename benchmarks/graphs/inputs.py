"""What a run sees of a graph, and what the probe sees."""

import copy
import hashlib

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.node import SparseFeatures, SVDFeatures, TfidfFeatures, load_node_data
from gnnclr.ops.check import describe

#: What the setting ``x`` does to features: nothing, unit row sums, unit row norms, columns of mean 0 and deviation 1,
#: words weighed by rarity, and the latent semantic analysis of those: their first 512 singular directions.
FEATURES = ("raw", "l1", "l2", "standardize", "tfidf", "lsa")


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
        self._data = {"raw": _unlabeled(self.labeled).to(device)}

    def data(self, features: str = "raw") -> Data:
        """The graph with features as a setting wants them; the same object each time, since methods remember what they
        derive from it."""
        if features not in self._data:
            data = copy.copy(self._data["raw"])
            self._data[features] = SparseFeatures()(_prepared(data, features))
        return self._data[features]

    @property
    def splits_vary(self) -> bool:
        """Whether seeds have splits of their own."""
        return "train_mask" not in self.labeled or self.labeled.train_mask.dim() == 2


def _unlabeled(data: Data) -> Data:
    data = copy.copy(data)
    for key in [key for key in data.to_dict() if key == "y" or key.endswith("_mask")]:
        del data[key]
    return data


def _prepared(data: Data, features: str) -> Data:
    if features in ("tfidf", "lsa"):
        data = TfidfFeatures()(data)
        return SVDFeatures(512)(data) if features == "lsa" else data
    data.x = _scaled(data.x.to_dense(), features)
    return data


def _scaled(x: Tensor, features: str) -> Tensor:
    if features in ("l1", "l2"):
        return F.normalize(x, p=int(features[1]), dim=1)
    if features == "standardize":
        std, mean = torch.std_mean(x, dim=0, correction=0)
        return (x - mean) / std.clamp(min=1e-6)
    raise ValueError(f"'x' must be one of {', '.join(FEATURES)} (got {features!r})")


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
