"""The entry to graphs: named data sets, and files of one's own, with the masks of a split."""

import copy
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import Amazon, Coauthor, Planetoid, WikiCS
from torch_geometric.transforms import RandomNodeSplit
from torch_geometric.utils import to_undirected

from gnnclr.node.datasets.data import Graph, SparseFeatures, check_features, check_node_data, node_mask
from gnnclr.node.datasets.graph_file import graph_of_file
from gnnclr.node.datasets.multiplex import MultiplexData, load_multiplex_data
from gnnclr.node.datasets.own_graph import MASKS, own_graph
from gnnclr.ops.check import check_choice, check_edges, check_seed, describe
from gnnclr.ops.labels import has_label
from gnnclr.ops.notice import notice, notice_once
from gnnclr.ops.paths import expand_path
from gnnclr.ops.read_files import read_files


def load_node_data(
    name: str,
    root: str | Path = "data",
    *,
    transform: Callable[[Data], Data] | None = None,
    split_seed: int | None = 0,
    undirected: bool = False,
) -> Data:
    """A graph with node features, labels and the masks of a split, by name or from a file.

    Splits are public for ``"cora"``, ``"citeseer"``, ``"pubmed"`` (20 training nodes a class, 500 validation and 1,000
    test nodes), ``"wikics"`` (20 splits that share their test nodes), ``"arxiv"`` (by year; its edges are made
    undirected) and ``"acm"`` (the union of its relations, see :func:`~gnnclr.node.load_multiplex_data`; 20 training
    nodes a class, 1,000 validation and 1,000 test nodes). They are random for ``"photo"``, ``"computers"``, ``"cs"``
    and ``"physics"``: 10 % training, 10 % validation, 80 % test nodes.

    Args:
        name (str): One of these names, or the path of a file that holds a PyG :class:`~torch_geometric.data.Data` or
            its ``to_dict()``, by :func:`torch.save`, see :func:`own_node_data`.
        root (str or Path, optional): Where raw files are: ``root/planetoid/Cora/raw``, ``root/amazon/Photo/raw``,
            ``root/coauthor/CS/raw``, ``root/wikics/WikiCS/raw``, or without the collection, as PyG's data sets lay them
            out; ``root/ogbn_arxiv``, as OGB unpacks it; ``root/multiplex/acm.npz``. Nothing is written there, unless
            raw files are missing and PyG downloads them. Planetoid's files are pickles: load only files you trust.
            (default: ``"data"``)
        transform (callable, optional): A PyG transform, applied to dense features. Afterwards bag-of-words features
            are stored as a sparse matrix, see :class:`~gnnclr.node.SparseFeatures`. (default: ``None``)
        split_seed (int or None, optional): Seed of :func:`choose_split`; ``None`` leaves the masks as they are stored.
            (default: ``0``)
        undirected (bool, optional): Whether to add the other direction of each edge of a file. (default: ``False``)

    Raises:
        FileNotFoundError: If files are missing and cannot be downloaded.
        ValueError: If the name is unknown, a file cannot be read, the graph, also a transformed one, is none that
            :func:`~gnnclr.node.check_node_data` takes, or labels or masks have not an entry for each node.
    """
    if transform is not None and not callable(transform):
        raise ValueError(f"'transform' must be callable (got {describe(transform)})")
    path = own_path("name", name, tuple(DATASETS))
    if path is not None:
        with graph_of_file(path) as value:
            return own_node_data(value, path.name, transform, split_seed, undirected)
    return _ready(DATASETS[str(name).lower()](expand_path(root)), transform, split_seed)[0]


def own_path(argument: str, dataset: str | Path, names: tuple[str, ...]) -> Path | None:
    """The file that a data set is, or ``None`` for one that has a name.

    Args:
        argument (str): Name of the argument, for the message.
        dataset (str or Path): A name, in small or capital letters, or the path of a file, which may be missing.
        names (tuple): The names.

    Raises:
        ValueError: If it is neither a name nor looks like a path.
    """
    if str(dataset).lower() in names:
        return None
    path = expand_path(dataset)
    if not (path.suffix or len(path.parts) > 1 or path.exists()):
        check_choice(argument, str(dataset).lower(), (*names, "FILE"))
    return path


def own_node_data(
    value: Any,
    name: str = "data",
    transform: Callable[[Data], Data] | None = None,
    split_seed: int | None = 0,
    undirected: bool = False,
) -> Data:
    """A graph of one's own with the masks of a split. A printed paragraph says what was found, and what was done about
    it.

    Args:
        value (Data, HeteroData or dict): The graph, see :func:`~gnnclr.node.datasets.own_graph.own_graph`. Of several
            relations the union is taken.
        name (str, optional): Its name, for the paragraph. (default: ``"data"``)
        transform (callable, optional): A PyG transform. (default: ``None``)
        split_seed (int or None, optional): Seed or number of the split, see :func:`choose_split`. (default: ``0``)
        undirected (bool, optional): Whether to add the other direction of each edge. (default: ``False``)

    Raises:
        ValueError: If it is no graph, or a part of it does not fit.
    """
    data, phrases = own_graph(value, undirected=undirected)
    if isinstance(data, MultiplexData):
        phrases.append(f"the union of its {len(data.relations)} relations is taken ('multiplex' contrasts them)")
        data = data.union()
    return _told(data, name, phrases, transform, split_seed)


def own_multiplex_data(
    value: Any,
    name: str = "data",
    transform: Callable[[Data], Data] | None = None,
    split_seed: int | None = 0,
    undirected: bool = False,
) -> MultiplexData:
    """A graph of one's own with several relations and the masks of a split; arguments are those of
    :func:`own_node_data`.

    Raises:
        ValueError: If it has fewer than two relations, or a part of it does not fit.
    """
    data, phrases = own_graph(value, undirected=undirected)
    if not isinstance(data, MultiplexData) or len(data.relations) < 2:
        raise ValueError(
            "'data' must have several relations between nodes of one type (got one); recipes for a single graph, such "
            "as 'grace', take it"
        )
    return _told(data, name, phrases, transform, split_seed)


def _told(
    data: Graph,
    name: str,
    phrases: list[str],
    transform: Callable[[Any], Any] | None,
    split_seed: int | None,
) -> Graph:
    """A graph that is ready, after the paragraph about it was printed."""
    data, phrase = _ready(data, transform, split_seed)
    notice_once(f"{name}: {'; '.join([*phrases, phrase])}.")
    return data


def _ready(data: Graph, transform: Callable[[Any], Any] | None, split_seed: int | None) -> tuple[Graph, str]:
    """A graph that was checked, with a split and transformed features, and a phrase about the split."""
    if isinstance(data, Data) and isinstance(data.x, Tensor) and data.x.layout != torch.strided:
        data.x = data.x.to_sparse_csr() if transform is None else data.x.to_dense()
    data = _checked(data)
    for key, value in data.to_dict().items():
        if (key == "y" or key in MASKS) and not (isinstance(value, Tensor) and value.shape[:1] == data.x.shape[:1]):
            raise ValueError(
                f"'data.{key}' must have an entry for each of {data.num_nodes} nodes (got {describe(value)})"
            )
    phrase = "its own masks" if any(mask in data for mask in MASKS) else "no split"
    if split_seed is not None:
        data, phrase = _split(data, split_seed)
    if transform is not None:
        data = _checked(transform(data))
    return SparseFeatures()(data), phrase


def _checked(data: Graph) -> Graph:
    """The graph as methods take it; relations are checked already."""
    if not isinstance(data, MultiplexData):
        return check_node_data(data)
    check_features(data)
    return data


def choose_split(data: Data, seed: int = 0) -> Data:
    """The graph with the masks of one split.

    Masks of shape [n] are kept. Of masks of shape [n, s], which are s splits side by side, it is the one in column
    ``seed`` modulo s, which a printed line says. A graph with labels and without masks is split at random: 10 % of the
    nodes that have a label for training, 10 % for validation, 80 % for the test. Without any label there is no split.

    Args:
        data (Data): The graph, which is left as it is.
        seed (int, optional): Seed of the random split, or number of the public one; the global generator is left alone.
            (default: ``0``)

    Raises:
        ValueError: If the seed is negative or no integer, masks hold no or different numbers of splits, or there are
            labels, but too few to split them.
    """
    data, phrase = _split(data, seed)
    if "side by side" in phrase:
        notice(phrase)
    return data


def _split(data: Graph, seed: int) -> tuple[Graph, str]:
    """The graph with the masks of one split, and a phrase about it."""
    check_seed("seed", seed)
    if not any(mask in data for mask in MASKS):
        found = data if data.y is None else _random_split(data, seed)
        return found, f"split at random by seed {seed}: {_sizes(found)}" if "train_mask" in found else "no split"
    masks = {key: value for key, value in data.to_dict().items() if key.endswith("_mask") and isinstance(value, Tensor)}
    several = {key: mask.size(1) for key, mask in masks.items() if mask.dim() == 2}
    if len(set(several.values())) > 1 or 0 in several.values():
        raise ValueError(f"'data' must have masks of equally many splits (got {several})")
    if not several:
        return data, f"split by its own masks: {_sizes(data)}"
    splits = next(iter(several.values()))
    data = copy.copy(data)
    for key in several:
        data[key] = data[key][:, seed % splits].contiguous()
    return data, f"the masks hold {splits} splits side by side: split {seed % splits} is used"


def _sizes(data: Data) -> str:
    parts = [f"{int(data[mask].sum()):,} {mask.removesuffix('_mask')}" for mask in MASKS if mask in data]
    return f"{', '.join(parts)} nodes"


def _random_split(data: Graph, seed: int) -> Graph:
    labeled = has_label("data.y", data.y, data.num_nodes, from_zero=True).nonzero().view(-1).cpu()
    n = labeled.numel()
    if n == 0:
        return data
    held = round(0.1 * n)
    if held == 0:
        raise ValueError(f"'data.y' must have a label for 6 nodes or more, to split them at random (got {n})")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        split = RandomNodeSplit(num_val=held, num_test=n - 2 * held, key=None)(Data(num_nodes=n))
    data = copy.copy(data)
    for key in MASKS:
        data[key] = torch.zeros(data.num_nodes, dtype=torch.bool)
        data[key][labeled[split[key]]] = True
    return data


def _load_pyg(collection: str, name: str, read: Callable[[Path], Data], root: Path) -> Data:
    for folder in (root / collection / name, root / name):
        if (folder / "raw").is_dir() and any((folder / "raw").iterdir()):
            with tempfile.TemporaryDirectory() as temporary:
                shutil.copytree(folder / "raw", Path(temporary) / name / "raw")
                return read_files(folder / "raw", lambda: read(Path(temporary) / name), downloads=True)
    made = [path for path in (root / name / "raw", root / name, root) if not path.exists()]
    try:
        return read(root / name)
    except Exception as error:
        for path in made:  # the folders of a download that did not come
            with suppress(OSError):
                path.rmdir()
        raise FileNotFoundError(
            f"'root' must contain {collection}/{name}/raw or {name}/raw (got {root}), and downloading failed: {error}"
        ) from error


ARXIV_FILES: dict[str, tuple[str, type[np.generic]]] = {
    "edge": ("raw/edge.csv", np.int64),
    "x": ("raw/node-feat.csv", np.float32),
    "y": ("raw/node-label.csv", np.int64),
    "train": ("split/time/train.csv", np.int64),
    "val": ("split/time/valid.csv", np.int64),
    "test": ("split/time/test.csv", np.int64),
}


def _load_arxiv(root: Path) -> Data:
    folders = [root / "ogb" / "ogbn_arxiv", root / "ogbn_arxiv", root / "arxiv"]
    folder = next((folder for folder in folders if (folder / "raw").is_dir()), root / "ogbn_arxiv")
    found = {}
    for key, (name, _) in ARXIV_FILES.items():
        # OGB packs its tables; numpy reads both.
        found[key] = next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)
    missing = [f"{ARXIV_FILES[key][0]}.gz" for key, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(
            f"'root' must contain ogbn_arxiv as OGB unpacks it (https://snap.stanford.edu/ogb/data/nodeproppred/"
            f"arxiv.zip); {folder} lacks {', '.join(missing)}"
        )

    def table(key: str, columns: int) -> Tensor:
        path, kind = found[key], ARXIV_FILES[key][1]
        return torch.from_numpy(read_files(path, lambda: np.loadtxt(path, kind, delimiter=",", ndmin=columns)))

    x = table("x", 2)
    n = x.size(0)
    masks = {f"{part}_mask": node_mask(ARXIV_FILES[part][0], table(part, 1), n) for part in ("train", "val", "test")}
    edges = check_edges(table("edge", 2).t().contiguous(), n, ARXIV_FILES["edge"][0])
    return Data(x=x, edge_index=to_undirected(edges, num_nodes=n), y=table("y", 1), **masks)


def _load_acm(root: Path) -> Data:
    data = load_multiplex_data("acm", root).union()
    data.x = data.x.to_dense()
    return data


def _planetoid(root: str, name: str) -> Planetoid:
    dataset = Planetoid(root, name)
    # PyG takes a list of test nodes that was cut, and gives features to the wrong nodes.
    found = int(getattr(dataset[0], "test_mask", torch.empty(0)).sum())
    if found != 1000:
        raise ValueError(f"must have 1000 test nodes (got {found})")
    return dataset


def _named(collection: str, dataset: Callable[..., Any], name: str) -> Callable[[Path], Data]:
    # PyG's classes add the name to their root.
    return partial(_load_pyg, collection, name, lambda folder: dataset(str(folder.parent), name)[0])


#: Name to a function of ``root``.
DATASETS: dict[str, Callable[[Path], Data]] = {
    "cora": _named("planetoid", _planetoid, "Cora"),
    "citeseer": _named("planetoid", _planetoid, "CiteSeer"),
    "pubmed": _named("planetoid", _planetoid, "PubMed"),
    "photo": _named("amazon", Amazon, "Photo"),
    "computers": _named("amazon", Amazon, "Computers"),
    "cs": _named("coauthor", Coauthor, "CS"),
    "physics": _named("coauthor", Coauthor, "Physics"),
    "wikics": partial(_load_pyg, "wikics", "WikiCS", lambda folder: WikiCS(str(folder), is_undirected=True)[0]),
    "arxiv": _load_arxiv,
    "acm": _load_acm,
}
