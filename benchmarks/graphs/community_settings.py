"""The settings of GRACE under community rules."""

import json
from pathlib import Path

from benchmarks.graphs.grace_settings import chosen

FILE = Path(__file__).with_name("communities.json")
#: Settings of larger graphs before a search; the batch size counts the nodes that a step contrasts.
LARGER = {"lr": 1e-3, "layers": 2, "hidden": 256, "width": 256, "act": "relu", "projection": 128}
LARGER |= {"edge": [0.3, 0.4], "feature": [0.1, 0.1], "weight_decay": 1e-5, "batch_size": 1024}
LARGER |= {"temperature": 0.5, "epochs": 100}
SETTINGS = {name: chosen()[name] | {"batch_size": 1024} for name in ("cora", "citeseer")}
SETTINGS |= {name: dict(LARGER) for name in ("pubmed", "photo", "cs", "physics")}
for chosen_for, choice in json.loads(FILE.read_text()).items():
    SETTINGS[chosen_for] |= choice
#: Thousands of words of few nodes each: encoders and rules see their latent semantic analysis.
SETTINGS["cs"] |= {"features": "lsa"}
SETTINGS["physics"] |= {"features": "lsa", "epochs": 50}  # an epoch takes three times that of CS

PLAIN, ORACLE, FEATURES = "plain", "oracle: own label left out", "A²X, no training"


def key(name: str, threads: int, device: str) -> dict[str, object]:
    """What a line of finished runs says of its settings."""
    return {"dataset": name, "threads": threads, "device": device} | SETTINGS[name]
