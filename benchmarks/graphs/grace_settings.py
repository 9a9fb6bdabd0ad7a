"""The settings of GRACE, in the words of its authors' code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

FILE = Path(__file__).with_name("grace.json")
# What the grid varies is declared in GRID; the rest is the same for all runs.
BASE = {
    "cora": {"lr": 1e-3, "layers": 2, "hidden": 256, "width": 256, "act": "relu", "projection": 64}
    | {"edge": [0.4, 0.4], "feature": [0.1, 0.1], "temperature": 0.7, "weight_decay": 1e-5, "epochs": 100},
    "citeseer": {"lr": 1e-3, "layers": 1, "hidden": 512, "width": 512, "act": "prelu", "projection": 512}
    | {"edge": [0.4, 0.4], "feature": [0.2, 0.2], "temperature": 0.9, "weight_decay": 1e-5, "epochs": 50},
    "pubmed": {"lr": 1e-3, "layers": 2, "hidden": 256, "width": 128, "act": "relu", "projection": 128}
    | {"edge": [0.4, 0.1], "feature": [0.0, 0.2], "temperature": 0.7, "weight_decay": 1e-5, "epochs": 50},
}
GRID = {
    "cora": {"layers": [1, 2], "act": ["prelu", "relu"], "temperature": [0.5, 0.7, 0.9], "epochs": [100, 200]},
    "citeseer": {"projection": [64, 512]},
    "pubmed": {"epochs": [25, 50]},
}


def searched() -> dict[str, dict]:
    """What searches chose, by data set."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def chosen() -> dict[str, dict]:
    """The settings that a search chose, and the declared ones of data sets without a search."""
    return BASE | searched()


def of_builder(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same for :func:`benchmarks.graphs.builders.grace`."""
    width = settings["width"]
    named = {"out": width, "norm": None, "act_last": True, "projector": [width, settings["projection"]]}
    return {"batch_size": None} | settings | named | {"projector_act": elu}


def elu(x: torch.Tensor) -> torch.Tensor:
    """ELU by the exponential, which is vectorized on CPUs where PyTorch's is not: with its gradient twice as fast."""
    positive = x.relu()
    return positive + ((x - positive).exp() - 1)
