"""The runs of the benchmark, each of which is done once."""

import datetime
import json
import statistics
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.common.machine import machine
from benchmarks.common.records import Records
from benchmarks.graphs.builders import METHODS
from benchmarks.graphs.evaluation import EXTRAS, extras, probe
from benchmarks.graphs.features import BASELINES, RANDOM, features, join
from benchmarks.graphs.inputs import BenchmarkGraph
from benchmarks.graphs.settings import Settings, settings_hash
from benchmarks.graphs.training import train
from gnnclr.eval import LinkSplit, Split, link_prediction
from gnnclr.node.datasets.load import choose_split

MEASURES = ["test", "val", "c", "scaling", "tol", *EXTRAS, "seconds", "epoch_seconds", "peak_mb"]
CONDITIONS = ["threads", "machine", "date", "graph", "hash"]
#: The columns of each file of results; settings are there once for all runs that have their hash.
FIELDS = {
    "runs": ["dataset", "row", "seed", *MEASURES, *CONDITIONS],
    "search": ["dataset", "row", "seed", "val", "seconds", *CONDITIONS],
    "links": ["dataset", "row", "seed", "auc", "ap", "val_auc", "score", "seconds", *CONDITIONS],
    "settings": ["hash", "settings"],
}
KEY = ("dataset", "graph", "hash", "seed")
WITH_PX = " + PX"
#: What runs without the held-out edges are told apart by.
LINKS = ", links"
#: Seeds of a search start here; those of reported runs stay below.
FIRST_SEARCH_SEED = 1000


def records(folder: Path, kind: str) -> Records:
    """A file of results: ``"runs"``, ``"search"``, ``"links"`` or ``"settings"``."""
    return Records(folder / f"methods_{kind}.csv", FIELDS[kind], ("hash",) if kind == "settings" else KEY)


class Bench:
    """Runs what is missing in a folder of results.

    Args:
        out (Path): The folder: ``methods_runs.csv``, ``methods_links.csv`` and ``methods_search.csv``, and
            ``methods_settings.csv`` for all three.
        table (Settings): The settings.
        root (str): Where data sets are.
        device (torch.device): Where methods are trained.
        with_extras (bool): Also clustering and similarity search.
        with_px (bool): Also the probe on embeddings joined with propagated features, in rows of its own.
    """

    def __init__(self, out: Path, table: Settings, root: str, device: torch.device, with_extras: bool, with_px: bool):
        self.table, self.root, self.device = table, root, device
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
            self._attempt(f"{dataset} {name}", self._baseline, graph, name, range(1 if alone else count))
        for name in methods:
            self._attempt(f"{dataset} {name}", self._method, graph, name, range(count))

    def links(self, dataset: str, methods: Iterable[str], baselines: Iterable[str], seeds: int | None) -> None:
        """Link prediction by all seeds of all rows, trained anew without the edges that are held out."""
        graph = self._attempt(dataset, BenchmarkGraph, dataset, self.root, self.device)
        for name in [] if graph is None else [*baselines, *methods]:
            self._attempt(f"{dataset} {name}, links", self._links, graph, name, range(seeds or 10))

    def search(self, dataset: str, method: str, seeds: int) -> None:
        """Chooses the settings of the grid with the best mean validation accuracy, over seeds that are not reported."""
        self._attempt(f"{dataset} {method}", self._search, dataset, method, seeds)

    def _baseline(self, graph: BenchmarkGraph, name: str, seeds: range) -> None:
        settings = self.table.chosen(name, graph.name)
        missing = self._missing(graph, name, settings, seeds)
        x = measures = None
        for seed in missing:
            if x is None or name in RANDOM:
                x = features(name, graph.data(settings["x"]), settings, seed)
                measures = extras(x, graph.y) if self.with_extras else {}
            self._record(graph, name, settings, seed, **probe(x, graph.y, _split(graph, seed)), **measures)

    def _method(self, graph: BenchmarkGraph, name: str, seeds: range) -> None:
        settings, px = self.table.chosen(name, graph.name), None
        rows = {name: settings}
        if self.with_px:
            px_settings = self.table.chosen(px_row(settings), graph.name)
            rows[name + WITH_PX] = settings | {"px": px_settings}
        missing = {row: set(self._missing(graph, row, rows[row], seeds)) for row in rows}
        for seed in sorted(set().union(*missing.values())):
            split = _split(graph, seed)  # refuses a bad one before the training
            run = train(METHODS[name], graph.data(settings["x"]), settings, seed, f"{graph.name} {name} seed {seed}")
            cost = {"seconds": run.seconds, "epoch_seconds": run.epoch_seconds, "peak_mb": run.peak_mb}
            for row in [row for row in rows if seed in missing[row]]:
                x = run.z
                if row != name:
                    px = features(px_row(settings), graph.data(px_settings["x"]), px_settings, 0) if px is None else px
                    x = join(run.z, px)
                measures = extras(x, graph.y) if self.with_extras else {}
                self._record(graph, row, rows[row], seed, **probe(x, graph.y, split, row != name), **measures, **cost)

    def _links(self, graph: BenchmarkGraph, name: str, seeds: range) -> None:
        settings, row = self.table.chosen(name, graph.name), name + LINKS
        done, mark = self.link_runs.read(), settings_hash(row, settings)
        for seed in [seed for seed in seeds if (graph.name, graph.hash, mark, str(seed)) not in done]:
            split = LinkSplit.random(graph.data(settings["x"]), seed=seed)
            z, seconds = _embed(split.train, name, settings, seed, f"{graph.name} {row} seed {seed}")
            result = link_prediction(z, split)
            self.link_runs.append(
                dataset=graph.name, row=name, seed=seed, auc=result.auc, ap=result.ap, val_auc=result.val_auc,
                score=result.score, seconds=seconds, **self._conditions(graph, settings, mark),
            )  # fmt: skip
            print(f"{graph.name} {row} seed {seed}: {100 * result.auc:.1f}", file=sys.stderr)

    def _search(self, dataset: str, method: str, seeds: int) -> None:
        graph = BenchmarkGraph(dataset, self.root, self.device)
        done, scores, candidates = self.searches.read(), {}, list(self.table.grid(method, dataset))
        for settings in candidates:
            mark, values = settings_hash(method, settings), []
            for seed in range(FIRST_SEARCH_SEED, FIRST_SEARCH_SEED + seeds):
                key = (dataset, graph.hash, mark, str(seed))
                if key not in done:
                    split, note = _split(graph, seed), f"{dataset} {method} search {seed}"
                    z, seconds = _embed(graph.data(settings["x"]), method, settings, seed, note)
                    value = probe(z, graph.y, split)["val"]  # and not a look at the test nodes
                    self.searches.append(
                        dataset=dataset, row=method, seed=seed, val=value, seconds=seconds,
                        **self._conditions(graph, settings, mark),
                    )  # fmt: skip
                    done[key] = {"val": value}
                values.append(float(done[key]["val"]))
            scores[mark] = statistics.fmean(values)
            print(f"{dataset} {method}: validation {100 * scores[mark]:.2f} of {json.dumps(settings)}", file=sys.stderr)
        best = max(candidates, key=lambda settings: scores[settings_hash(method, settings)])
        over = f"seeds {FIRST_SEARCH_SEED} to {FIRST_SEARCH_SEED + seeds - 1}"
        over = over if seeds > 1 else f"seed {FIRST_SEARCH_SEED}"
        found = f"mean validation accuracy over {over}: {100 * max(scores.values()):.2f} %"
        source = f"search of {len(candidates)} settings by {found}"
        self.table.save(method, dataset, best, source)

    def _missing(self, graph: BenchmarkGraph, row: str, settings: dict[str, Any], seeds: range) -> list[int]:
        done, mark = self.runs.read(), settings_hash(row, settings)
        lines = {seed: done.get((graph.name, graph.hash, mark, str(seed))) for seed in seeds}
        return [seed for seed, line in lines.items() if line is None or (self.with_extras and not line["nmi"])]

    def _record(self, graph: BenchmarkGraph, row: str, settings: dict[str, Any], seed: int, **measures: Any) -> None:
        conditions = self._conditions(graph, settings, settings_hash(row, settings))
        self.runs.append(dataset=graph.name, row=row, seed=seed, **measures, **conditions)
        print(f"{graph.name} {row} seed {seed}: {100 * measures['test']:.1f}", file=sys.stderr)

    def _conditions(self, graph: BenchmarkGraph, settings: dict[str, Any], mark: str) -> dict[str, Any]:
        if (mark,) not in self.settings.read():
            self.settings.append(hash=mark, settings=json.dumps(settings))
        return {
            "threads": torch.get_num_threads(),
            "machine": machine(self.device),
            "date": datetime.date.today(),
            "graph": graph.hash,
            "hash": mark,
        }

    def _attempt(self, what: str, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            # One bad row must not end a night of runs.
            self.failures.append(f"{what}: {type(error).__name__}: {error}")
            traceback.print_exc()
            return None


def px_row(settings: dict[str, Any]) -> str:
    """The row whose features rows with propagated features join: the one that sees what the method sees."""
    return "lsa" if settings["x"] == "lsa" else "ppr"


def _embed(data: Data, row: str, settings: dict[str, Any], seed: int, note: str) -> tuple[Tensor, float | None]:
    if row in BASELINES:
        return features(row, data, settings, seed), None
    run = train(METHODS[row], data, settings, seed, note)
    return run.z, run.seconds


def _split(graph: BenchmarkGraph, seed: int) -> Split:
    return Split.from_masks(choose_split(graph.labeled, seed))
