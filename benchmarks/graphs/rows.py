"""The rows of the benchmark of methods."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from benchmarks.common.recipes import settings_hash
from benchmarks.graphs.features import BASELINES, baseline_settings, features
from benchmarks.graphs.inputs import FEATURES, BenchmarkGraph
from benchmarks.graphs.recipes import is_file, sees_lsa, settings_of, transform_of
from benchmarks.graphs.runs import train

#: What trains methods: a run of the package, as ``gnnclr compare`` does, or in earlier results a plain loop.
RUN, LOOP = "compare", "loop"
#: Kinds of rows beside those of embeddings alone: with propagated features, and without the held-out edges.
WITH_PX, LINKS = " + PX", ", links"


class Row:
    """A row of the tables on a data set: a baseline with settings of its own, or a method with those of its recipe.

    Args:
        name (str): A baseline, a method, or a YAML file, whose name is that of the row.
        dataset (str): The data set.
        overrides (sequence of str): Overrides of recipes. (default: none)
        changed (mapping, optional): Settings that a baseline has in place of its own. (default: none)
        kind (str, optional): :data:`WITH_PX`, :data:`LINKS`, or nothing. (default: ``""``)
    """

    def __init__(
        self,
        name: str,
        dataset: str,
        overrides: Sequence[str] = (),
        changed: Mapping[str, Any] | None = None,
        kind: str = "",
    ):
        self.name = Path(name).stem if is_file(name) else name
        self.recipe = None if name in BASELINES else settings_of(name, dataset, overrides)
        self.own = baseline_settings(name, dataset) | dict(changed or {}) if self.recipe is None else {}
        self.px = Row("lsa" if sees_lsa(self.recipe) else "ppr", dataset) if kind == WITH_PX else None
        self.title, self.columns = self.name + kind, {} if self.recipe is None else self.recipe.columns
        self.settings = self.own if self.recipe is None else self.recipe.written
        self.settings = self.settings | ({} if self.px is None else {"px": self.px.own})
        self.hash = settings_hash(self.title, self.settings)

    @cached_property
    def transform(self) -> Callable[[Data], Data] | None:
        """What becomes of the features before the row sees them."""
        return FEATURES[self.own["x"]] if self.recipe is None else transform_of(self.recipe)

    def data(self, graph: BenchmarkGraph) -> Data:
        """The graph with the features that the row sees."""
        return graph.data(self.transform)

    @property
    def training(self) -> str:
        """What trains the row; nothing of a baseline."""
        return "" if self.recipe is None else RUN

    def embed(self, data: Data, seed: int, folder: Path) -> tuple[Tensor, dict[str, float | None]]:
        """The features or embeddings of a seed, and what they cost; a training is in the folder until it is done."""
        if self.recipe is None:
            return features(self.name, data, self.own, seed), {}
        return train(self.recipe, data, seed, folder / f"{self.title} seed {seed} {self.hash}")
