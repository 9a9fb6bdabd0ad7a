"""Rows that need no training, and what is joined to embeddings."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric import seed_everything
from torch_geometric.data import Data

from gnnclr.node import GCNEncoder, ppr_features, propagate_features


def raw(data: Data, settings: Mapping[str, Any]) -> Tensor:
    """X, the features as they are."""
    return data.x.to_dense()


def sgc(data: Data, settings: Mapping[str, Any]) -> Tensor:
    """A²X, the features averaged over two hops."""
    return propagate_features(data.x, data.edge_index, settings["hops"])


def ppr(data: Data, settings: Mapping[str, Any]) -> Tensor:
    """PX, the features propagated by personalized PageRank."""
    return ppr_features(data.x, data.edge_index, settings["alpha"], settings["hops"])


@torch.no_grad()
def untrained(data: Data, settings: Mapping[str, Any]) -> Tensor:
    """The embeddings of a GCN with random weights."""
    hidden, out = settings["hidden"], settings["out"]
    encoder = GCNEncoder(data.num_features, hidden, out, settings["layers"], settings["act"])
    return encoder.to(data.edge_index.device).eval()(data.x, data.edge_index)


#: Name to function of data and settings.
BASELINES: dict[str, Callable[[Data, Mapping[str, Any]], Tensor]] = {
    "raw": raw,
    "untrained": untrained,
    "sgc": sgc,
    "ppr": ppr,
    "ppr-searched": ppr,
    "lsa": ppr,
}
#: Their settings; ``x`` is the name of features in :mod:`benchmarks.graphs.inputs`.
SETTINGS: dict[str, dict[str, Any]] = {
    "raw": {"x": "raw"},
    "untrained": {"x": "raw", "layers": 2, "hidden": 256, "out": 256, "act": "relu", "norm": None, "act_last": True},
    "sgc": {"x": "raw", "hops": 2},
    "ppr": {"x": "raw", "alpha": 0.1, "hops": 10},
    "ppr-searched": {"x": "raw", "alpha": 0.1, "hops": 10},
    "lsa": {"x": "lsa", "alpha": 0.1, "hops": 10},
}
#: What ``--search`` tries.
GRIDS = {name: {"alpha": [0.05, 0.1, 0.2, 0.3, 0.5], "hops": [2, 4, 10]} for name in ("ppr-searched", "lsa")}
#: What it found to be the best by validation accuracy, by data set: ``alpha`` and ``hops``.
SEARCHED = {
    "ppr-searched": {"cora": (0.05, 10), "citeseer": (0.2, 10), "pubmed": (0.1, 10), "photo": (0.2, 2), "cs": (0.5, 4)},
    "lsa": {"cora": (0.05, 10), "citeseer": (0.05, 2), "photo": (0.2, 2), "cs": (0.5, 2), "physics": (0.3, 2)},
}
#: Those that depend on the seed.
RANDOM = {"untrained"}
#: How tables call them.
TITLES = {"raw": "raw features", "untrained": "untrained GCN", "sgc": "A²X (SGC)", "ppr": "PPR X"}
TITLES |= {"ppr-searched": "PPR X, searched", "lsa": "PPR LSA, searched"}


def baseline_settings(name: str, dataset: str) -> dict[str, Any]:
    """The settings of a baseline on a data set."""
    found = SEARCHED.get(name, {}).get(dataset)
    return SETTINGS[name] | ({} if found is None else dict(zip(("alpha", "hops"), found)))


def source(name: str, dataset: str) -> str:
    """Where they come from, in words."""
    return "the best of 15 by validation accuracy" if dataset in SEARCHED.get(name, {}) else "declared"


def features(name: str, data: Data, settings: Mapping[str, Any], seed: int) -> Tensor:
    """The features of a baseline, on the CPU."""
    seed_everything(seed)
    return BASELINES[name](data, settings).float().cpu()


def join(z: Tensor, px: Tensor) -> Tensor:
    r"""Embeddings beside propagated features, both of mean squared row norm 1 so that neither outweighs the other.

    .. math:: \big[\operatorname{standardize}(\mathbf{Z}) / \sqrt{d},\;
        \operatorname{normalize}(\operatorname{center}(\mathbf{PX}))\big]
    """
    std = z.std(dim=0, correction=0)
    scale = torch.where(std > 1e-6 * z.abs().mean(dim=0), 1 / std, 0.0)
    z = (z - z.mean(dim=0)) * scale / max(1, int((scale > 0).sum())) ** 0.5
    return torch.cat([z, F.normalize(px - px.mean(dim=0), dim=1)], dim=1)
