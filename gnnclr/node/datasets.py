"""Graphs from files."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch_geometric.data import Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import GlobalStorage
from torch_geometric.datasets import Amazon, Coauthor, Planetoid
from torch_geometric.transforms import RandomNodeSplit

from gnnclr.node.data import SparseFeatures, check_node_data
from gnnclr.ops.check import check_choice

#: Name to collection, PyG's data set class and PyG's name.
DATASETS = {
    "cora": ("planetoid", Planetoid, "Cora"),
    "citeseer": ("planetoid", Planetoid, "CiteSeer"),
    "pubmed": ("planetoid", Planetoid, "PubMed"),
    "photo": ("amazon", Amazon, "Photo"),
    "computers": ("amazon", Amazon, "Computers"),
    "cs": ("coauthor", Coauthor, "CS"),
    "physics": ("coauthor", Coauthor, "Physics"),
}


def load_node_data(
    name: str,
    root: str | Path = "data",
    *,
    transform: Callable[[Data], Data] | None = None,
    split_seed: int = 0,
) -> Data:
    """A graph with node features, labels and the masks of a split, by name or from a file.

    Args:
        name (str): ``"cora"``, ``"citeseer"``, ``"pubmed"`` (with their public split), ``"photo"``, ``"computers"``,
            ``"cs"``, ``"physics"`` (random split of 10 % training, 10 % validation, 80 % test nodes), or the path of a
            file ``*.pt`` that holds a PyG :class:`~torch_geometric.data.Data` or its ``to_dict()``.
        root (str or Path, optional): Where raw files are: ``root/planetoid/Cora/raw``, ``root/amazon/Photo/raw``,
            ``root/coauthor/CS/raw``, or without the collection, as PyG's data sets lay them out. Nothing is written
            there, unless raw files are missing and PyG downloads them. Planetoid's files are pickles: load only files
            you trust. (default: ``"data"``)
        transform (callable, optional): A PyG transform, applied to dense features. Afterwards bag-of-words features
            are stored as a sparse matrix, see :class:`~gnnclr.node.SparseFeatures`. (default: ``None``)
        split_seed (int, optional): Seed of the random split, where there is no public one. (default: ``0``)

    Raises:
        FileNotFoundError: If files are missing and cannot be downloaded.
        ValueError: If the name is unknown, or the graph has no features or features that are not finite.
    """
    if str(name).endswith(".pt"):
        data = _load_file(Path(name))
    else:
        collection, dataset, proper = DATASETS[check_choice("name", str(name).lower(), tuple(DATASETS))]
        data = _load_dataset(Path(root), collection, dataset, proper)
    check_node_data(data, finite=True)
    if "train_mask" not in data and data.y is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(split_seed)
            n = data.num_nodes
            data = RandomNodeSplit(num_val=round(0.1 * n), num_test=n - 2 * round(0.1 * n))(data)
    if transform is not None:
        data = transform(data)
    return SparseFeatures()(data)


def _load_dataset(root: Path, collection: str, dataset: type, name: str) -> Data:
    for folder in (root / collection / name, root / name):
        if (folder / "raw").is_dir():
            with tempfile.TemporaryDirectory() as copy:
                shutil.copytree(folder / "raw", Path(copy) / name / "raw")
                return _read(dataset, copy, name)
    try:
        return _read(dataset, str(root), name)
    except Exception as error:
        raise FileNotFoundError(
            f"'root' must contain {collection}/{name}/raw or {name}/raw (got {root}), and downloading failed: {error}"
        ) from error


def _read(dataset: type, root: str, name: str) -> Data:
    return dataset(root, name)[0]


def _load_file(path: Path) -> Data:
    if not path.is_file():
        raise FileNotFoundError(f"'name' must be a data set or an existing file (got {path})")
    # PyG's own loader falls back to unpickling anything.
    with torch.serialization.safe_globals([Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]):
        data = torch.load(path, weights_only=True)
    return Data.from_dict(data) if isinstance(data, dict) else data
