"""The runs of the benchmark, each of which is done once."""

import datetime
import itertools
import json
import statistics
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.common.machine import machine
from benchmarks.common.recipes import COLUMNS, override
from benchmarks.common.records import Line, Records
from benchmarks.graphs.evaluation import EXTRAS, extras, probe
from benchmarks.graphs.features import BASELINES, GRIDS, RANDOM, join
from benchmarks.graphs.inputs import BenchmarkGraph
from benchmarks.graphs.rows import LINKS, LOOP, WITH_PX, Row
from gnnclr.eval import LinkSplit, Split, link_prediction
from gnnclr.node.datasets.load import choose_split
from gnnclr.train import TrainingInterrupted

MEASURES = ["test", "val", "c", "scaling", "tol", *EXTRAS, "seconds", "epoch_seconds", "peak_mb"]
CONDITIONS = ["threads", "machine", "date", "graph", "training", *COLUMNS, "hash"]
#: The columns of each file of results; what a recipe said is there once for all runs that have its hash.
FIELDS = {
    "runs": ["dataset", "row", "seed", *MEASURES, *CONDITIONS],
    "search": ["dataset", "row", "seed", "val", "seconds", *CONDITIONS],
    "links": ["dataset", "row", "seed", "auc", "ap", "val_auc", "score", "seconds", *CONDITIONS],
    "settings": ["hash", "settings"],
}
KEY = ("dataset", "graph", "hash", "seed", "training")
#: Seeds of a search start here; those of reported runs stay below.
FIRST_SEARCH_SEED = 1000


def records(folder: Path, kind: str) -> Records:
    """A file of results: ``"runs"``, ``"search"``, ``"links"`` or ``"settings"``."""
    return Records(folder / f"methods_{kind}.csv", FIELDS[kind], ("hash",) if kind == "settings" else KEY)


def done(file: Records) -> dict[tuple[str, ...], Line]:
    """The finished runs by data set, graph, settings and seed, without those that a plain loop has trained."""
    return {key[:-1]: line for key, line in file.read().items() if line["training"] != LOOP}


class Bench:
    """Runs what is missing in a folder of results.

    Args:
        out (Path): The folder: ``methods_runs.csv``, ``methods_links.csv`` and ``methods_search.csv``, and
            ``methods_settings.csv`` for all three.
        overrides (sequence of str): Overrides of the recipes of methods.
        root (str): Where data sets are.
        device (torch.device): Where methods are trained.
        with_extras (bool): Also clustering and similarity search.
        with_px (bool): Also the probe on embeddings joined with propagated features, in rows of its own.
        work (Path): The folder of trainings that are not done.
    """

    def __init__(
        self,
        out: Path,
        overrides: Sequence[str],
        root: str,
        device: torch.device,
        with_extras: bool,
        with_px: bool,
        work: Path,
    ):
        self.work = work
        self.overrides, self.root, self.device = overrides, root, device
        self.with_extras, self.with_px = with_extras, with_px
        self.runs = records(out, "runs")
        self.searches = records(out, "search")
        self.link_runs = records(out, "links")
        self.settings = records(out, "settings")
        self.failures: list[str] = []

    def run(self, dataset: str, methods: Iterable[str], baselines: Iterable[str], seeds: int | None) -> None:
        """All seeds of all rows on one data set; what fails is noted, and the rest goes on."""
        graph = self._attempt(dataset, BenchmarkGraph, dataset, self.root, self.device)
        if graph is None:
            return
        count = seeds or (20 if graph.splits_vary else 10)
        for name in baselines:
            # The same features on the same split are the same result.
            alone = name not in RANDOM and not graph.splits_vary
            self._attempt(f"{dataset} {name}", self._rows, graph, [Row(name, dataset)], range(1 if alone else count))
        for name in methods:
            kinds = ("", WITH_PX) if self.with_px else ("",)
            rows = [Row(name, dataset, self.overrides, kind=kind) for kind in kinds]
            self._attempt(f"{dataset} {name}", self._rows, graph, rows, range(count))

    def links(self, dataset: str, methods: Iterable[str], baselines: Iterable[str], seeds: int | None) -> None:
        """Link prediction by all seeds of all rows, trained anew without the edges that are held out."""
        graph = self._attempt(dataset, BenchmarkGraph, dataset, self.root, self.device)
        for name in [] if graph is None else [*baselines, *methods]:
            row = Row(name, dataset, self.overrides, kind=LINKS)
            self._attempt(f"{dataset} {row.title}", self._links, graph, row, range(seeds or 10))

    def search(self, dataset: str, name: str, grid: Mapping[str, Sequence[Any]], seeds: int) -> None:
        """Prints the settings of a grid with the best mean validation accuracy, over seeds that are not reported.

        Args:
            dataset (str): The data set.
            name (str): A method, or a baseline that has a grid of its own.
            grid (mapping): Fields of the method's recipe, and the values to try.
            seeds (int): The number of seeds.
        """
        self._attempt(f"{dataset} {name}", self._search, dataset, name, grid, seeds)

    def _rows(self, graph: BenchmarkGraph, rows: list[Row], seeds: range) -> None:
        """Rows that probe the same features: a method alone, and beside propagated ones."""
        first, missing = rows[0], {row.title: set(self._missing(graph, row, seeds)) for row in rows}
        z = joined = None
        for seed in sorted(set().union(*missing.values())):
            split = _split(graph, seed)  # refuses a bad one before the training
            if z is None or first.recipe is not None or first.name in RANDOM:
                z, cost = first.embed(first.data(graph), seed, self._folder(graph))
                measures: dict[str, dict[str, float]] = {}
            for row in [row for row in rows if seed in missing[row.title]]:
                x = z
                if row.px is not None:
                    joined = row.px.embed(row.px.data(graph), 0, self.work)[0] if joined is None else joined
                    x = join(z, joined)
                if self.with_extras and row.title not in measures:
                    measures[row.title] = extras(x, graph.y)
                found = probe(x, graph.y, split, row.px is not None) | measures.get(row.title, {}) | cost
                self.runs.append(dataset=graph.name, row=row.title, seed=seed, **found, **self._conditions(graph, row))
                print(f"{graph.name} {row.title} seed {seed}: {100 * found['test']:.1f}", file=sys.stderr)

    def _links(self, graph: BenchmarkGraph, row: Row, seeds: range) -> None:
        found = done(self.link_runs)
        for seed in [seed for seed in seeds if (graph.name, graph.hash, row.hash, str(seed)) not in found]:
            split = LinkSplit.random(row.data(graph), seed=seed)
            z, cost = row.embed(split.train, seed, self._folder(graph))
            result = link_prediction(z, split)
            self.link_runs.append(
                dataset=graph.name, row=row.name, seed=seed, auc=result.auc, ap=result.ap, val_auc=result.val_auc,
                score=result.score, seconds=cost.get("seconds"), **self._conditions(graph, row),
            )  # fmt: skip
            print(f"{graph.name} {row.title} seed {seed}: {100 * result.auc:.1f}", file=sys.stderr)

    def _search(self, dataset: str, name: str, grid: Mapping[str, Sequence[Any]], seeds: int) -> None:
        graph = BenchmarkGraph(dataset, self.root, self.device)
        finished, scores = done(self.searches), {}
        for row in self._candidates(name, dataset, grid):
            values = []
            for seed in range(FIRST_SEARCH_SEED, FIRST_SEARCH_SEED + seeds):
                key = (dataset, graph.hash, row.hash, str(seed))
                if key not in finished:
                    split = _split(graph, seed)
                    z, cost = row.embed(row.data(graph), seed, self._folder(graph))
                    found = {"val": probe(z, graph.y, split)["val"], "seconds": cost.get("seconds")}  # and no test
                    self.searches.append(
                        dataset=dataset, row=row.name, seed=seed, **found, **self._conditions(graph, row)
                    )
                    finished[key] = found
                values.append(float(finished[key]["val"]))
            shown = row.columns.get("overrides") or json.dumps(row.own)
            scores[shown] = statistics.fmean(values)
            print(f"{dataset} {name}: validation {100 * scores[shown]:.2f} of {shown}", file=sys.stderr)
        best = max(scores, key=scores.get)
        print(f"{dataset} {name}: the best of {len(scores)} by validation is {best}")

    def _candidates(self, name: str, dataset: str, grid: Mapping[str, Sequence[Any]]) -> Iterator[Row]:
        grid = GRIDS.get(name, {}) if name in BASELINES else grid
        for values in itertools.product(*grid.values()):
            chosen = dict(zip(grid, values))
            extra = [override(key, value) for key, value in chosen.items()]
            yield Row(name, dataset, [*self.overrides, *extra], chosen)

    def _missing(self, graph: BenchmarkGraph, row: Row, seeds: range) -> list[int]:
        finished = done(self.runs)
        lines = {seed: finished.get((graph.name, graph.hash, row.hash, str(seed))) for seed in seeds}
        return [seed for seed, line in lines.items() if line is None or (self.with_extras and not line["nmi"])]

    def _conditions(self, graph: BenchmarkGraph, row: Row) -> dict[str, Any]:
        if (row.hash,) not in self.settings.read():
            self.settings.append(hash=row.hash, settings=json.dumps(row.settings))
        own = {"threads": torch.get_num_threads(), "machine": machine(self.device), "date": datetime.date.today()}
        return own | {"graph": graph.hash, "training": row.training, "hash": row.hash} | row.columns

    def _folder(self, graph: BenchmarkGraph) -> Path:
        return self.work / f"{Path(graph.name).stem} {graph.hash}"

    def _attempt(self, what: str, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except TrainingInterrupted:
            raise
        except Exception as error:
            # One bad row must not end a night of runs.
            self.failures.append(f"{what}: {type(error).__name__}: {error}")
            traceback.print_exc()
            return None


def _split(graph: BenchmarkGraph, seed: int) -> Split:
    return Split.from_masks(choose_split(graph.labeled, seed))
