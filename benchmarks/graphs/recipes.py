"""The recipes of methods for graphs."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from torch_geometric.data import Data

from benchmarks.common.recipes import Settings
from gnnclr.configs import RecipeName
from gnnclr.configs.layers import names
from gnnclr.train import build_data

#: The order of rows: contrast of nodes, decorrelation, bootstrapping, contrast with summaries, others.
FIRST = ("grace", "gca", "gcool", "csgcl", "progcl", "costa", "gbt", "vicreg", "ccassg", "bgrl", "afgrl", "sgrl")
FIRST += ("graphacl", "dgi", "mvgrl", "ggd", "sugrl", "graphmae", "decoupled", "decoupled-knn", "decoupled-lsa")
#: What chooses by labels, which no method sees here; ``benchmarks.graphs.auto`` has a row of it.
CHOOSING = ("auto-graph",)
#: The methods of the benchmark: all methods and variants for graphs but these.
METHODS = tuple(
    name
    for name in dict.fromkeys([*FIRST, *names("graphs", "methods"), *names("graphs", "variants")])
    if name not in CHOOSING
)


def settings_of(method: str, dataset: str, overrides: Sequence[str] = ()) -> Settings:
    """The settings of a method on a data set, or for data without a name those of the method.

    Args:
        method (str): One of :data:`METHODS`, or a YAML file.
        dataset (str): What :func:`gnnclr.node.load_node_data` reads.
        overrides (sequence of str, optional): What differs. (default: none)
    """
    joined = method if is_file(method) or dataset not in names("graphs", "data") else f"{method}-{dataset}"
    found = RecipeName.parse(joined)
    return Settings(joined if found is None or found.kind == "graphs" else f"graphs/{joined}", tuple(overrides))


def transform_of(settings: Settings) -> Callable[[Data], Data] | None:
    """What becomes of the features before a method sees them.

    Raises:
        ValueError: If the recipe trains on batches, as a benchmark trains on the whole graph.
    """
    data = build_data(settings.parsed)
    if data.loader is not None:
        raise ValueError(f"'data.loader' must be null here: {settings.recipe} trains on batches (--data.loader=null)")
    return data.transform


def sees_lsa(settings: Settings) -> bool:
    """Whether the features are a latent semantic analysis."""
    return "SVDFeatures" in json.dumps(settings.written)


def is_file(method: str) -> bool:
    """Whether a method is a YAML file of the user's."""
    return Path(method).suffix in (".yaml", ".yml")
