"""Several recipes on the same data and seeds."""

import csv
import json
import os
import shlex
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gnnclr.configs import RecipeError
from gnnclr.eval import paired_difference, results_table
from gnnclr.ops.atomic import atomic_write, write_text
from gnnclr.processes import is_rank_zero
from gnnclr.train.parallel.jobs import Jobs
from gnnclr.train.recipe import parse_recipe
from gnnclr.train.run_folder import claim_folder
from gnnclr.train.seeds import Seeds

#: The rows of a run that are no baselines.
TRAINED, UNTRAINED = "trained", "untrained"


class Comparison:
    """Runs of several recipes over the same seeds, and the table of their means and paired differences.

    Runs that are finished are not repeated, runs that were stopped are resumed: a comparison that was killed goes on by
    the same call. All recipes are read before the first one is trained.

    Args:
        configs (sequence): Names of recipes, or paths of YAML files. Differences are those from the first one.
        overrides (sequence): Command line arguments for all of them, such as ``["--data.dataset=graph.pt"]``.
        folder (str or Path): The folder; run number ``s`` of recipe ``NAME`` is in ``NAME/seed-s``.

    Raises:
        RecipeError: If a recipe is named twice, or a setting does not fit one of them.
    """

    def __init__(self, configs: Sequence[str], overrides: Sequence[str], folder: str | Path) -> None:
        self.folder: Path = Path(folder)
        self.configs: list[str] = list(configs)
        self.overrides: list[str] = list(overrides)
        self.names: list[str] = [Path(config).stem for config in configs]
        if not configs or len(set(self.names)) < len(configs):
            raise RecipeError(f"'configs' must be different recipes, at least one (got {', '.join(configs) or 'none'})")
        self.seeds: dict[str, Seeds] = {}
        for name, config in zip(self.names, configs):
            try:
                self.seeds[name] = Seeds(parse_recipe(config, list(overrides)), self.folder / name, name)
                self.seeds[name].check_data()
            except RecipeError as error:
                text = str(error)
                raise RecipeError(text if name in text else f"{name}: {text}") from None

    def evaluate(self, count: int, parallel: int = 1, memory_limit: float | None = None) -> str:
        """Trains what is missing, and writes ``comparison.json``, ``.csv`` and ``.md``.

        Args:
            count (int): The number of seeds, from zero on.
            parallel (int, optional): The number of runs at a time. With more than one, or a limit, each is a process of
                its own, with as many threads as this one and the same result. (default: ``1``)
            memory_limit (float, optional): The resident memory of all processes together in GB: runs wait for each
                other where they would exceed it, see :class:`~gnnclr.train.parallel.Jobs`. (default: ``None``)

        Returns:
            str: The table; on all but the first process of a launcher an empty text.

        Raises:
            RecipeError: If another process uses the folder, a run in it has other settings, nothing can be probed, or a
                run needs more memory than there may be, alone.
        """
        jobs = Jobs(parallel, memory_limit)
        alone = parallel == 1 and memory_limit is None
        if not alone and (not is_rank_zero() or "WORLD_SIZE" in os.environ):
            raise RecipeError(f"'parallel' must be 1 under a launcher, without a limit of memory (got {parallel})")
        if not is_rank_zero():  # trains with the first process, which does the rest
            for seeds in self.seeds.values():
                seeds.evaluate(count)
            return ""
        with claim_folder(self.folder):
            if not alone:
                self._run_at_once(jobs, count)
            results = {}
            for name, seeds in self.seeds.items():
                seeds.evaluate(count)
                results[name] = [seeds.run(seed).result for seed in range(count)]
            return self._write(results, count)

    def _run_at_once(self, jobs: Jobs, count: int) -> None:
        """Does the runs that are missing in processes of their own."""
        missing = []
        with ExitStack() as held:
            for seeds in self.seeds.values():
                held.enter_context(claim_folder(seeds.folder))
                missing += seeds.jobs(count)
            jobs.run(missing)

    def command(self, count: int) -> str:
        """The command that does the same.

        Args:
            count (int): The number of seeds.
        """
        options = ["--configs", ",".join(self.configs), *self.overrides, "--seeds", str(count)]
        return shlex.join(["gnnclr", "compare", *options, "--out", str(self.folder)])

    def _write(self, results: dict[str, list[dict[str, Any]]], count: int) -> str:
        baselines, table = baseline_scores(results), {}
        for name, values in baselines.items():
            table[name] = {probe: varying(scores) for probe, scores in values.items()}
        first = self.names[0]
        probes = list(results[first][0]["test"][TRAINED])
        for name in self.names:
            own = results[name][0]["test"][TRAINED]  # a method may bring further measures
            table[name] = {probe: scores_of(results[name], TRAINED, probe) for probe in own}
            if name != first:
                table[name] |= {
                    f"{probe} − {first}": _difference(results[name], results[first], probe)
                    for probe in probes
                    if probe in own
                }
            seconds = [result["seconds"] for result in results[name]]
            table[name]["seconds"] = f"{statistics.fmean(seconds):.0f}"
            memory = [result["memory_gb"] for result in results[name] if result.get("memory_gb")]
            if memory:
                table[name]["GB"] = f"{max(memory):.1f}"
        text = results_table(table, corner="test, %")
        write_text(self.folder / "comparison.md", f"{text}\n\n{self.legend(count)}\n")
        summary = {"command": self.command(count), "seeds": list(range(count)), "configs": self.names}
        summary["results"] = results
        write_text(self.folder / "comparison.json", json.dumps(summary, indent=2) + "\n")
        self._write_lines(results)
        return text

    def legend(self, count: int) -> str:
        """What the columns of the table are.

        Args:
            count (int): The number of seeds.
        """
        several = f"Mean ± standard deviation over {count} seeds" if count > 1 else "One seed"
        others = f"; differences from {self.names[0]} are paired by seed" if len(self.names) > 1 else ""
        interval = ", with the 95 % interval of their mean in brackets" if others and count > 1 else ""
        costs = "Seconds are those of the training of one seed, GB the largest memory of its process."
        return f"{several}{others}{interval}. {costs}"

    def _write_lines(self, results: dict[str, list[dict[str, Any]]]) -> None:
        with atomic_write(self.folder / "comparison.csv", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["config", "row", "probe", "seed", "test", "validation", "seconds", "memory_gb", "steps"])
            for name, runs in results.items():
                for run in runs:
                    for row, probes in run["test"].items():
                        for probe, score in probes.items():
                            validation = run["validation"][row][probe]
                            cost = [run["seconds"], run.get("memory_gb"), run["steps"]]
                            writer.writerow([name, row, probe, run["seed"], score, validation, *cost])


def scores_of(runs: list[dict[str, Any]], row: str, probe: str) -> list[float]:
    """The test scores of several runs.

    Args:
        runs (list): Their results.
        row (str): The features, such as ``"trained"``.
        probe (str): The probe.
    """
    return [run["test"][row][probe] for run in runs]


def varying(scores: list[float]) -> list[float] | float:
    """One number for scores that do not depend on the seed.

    Args:
        scores (list): A score for each seed.
    """
    return scores[0] if len(set(scores)) == 1 else scores


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the standard deviation, which of one value is zero.

    Args:
        values (sequence): A number for each seed.
    """
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def _difference(runs: list[dict[str, Any]], base: list[dict[str, Any]], probe: str) -> str:
    values, plain = ([100 * score for score in scores_of(each, TRAINED, probe)] for each in (runs, base))
    found = paired_difference(values, plain)
    if len(runs) < 2:
        return f"{found.mean:+.1f}"
    return f"{found.mean:+.1f} [{found.mean - found.half:+.1f}, {found.mean + found.half:+.1f}]"


def baseline_scores(results: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, list[float]]]:
    """The rows that need no training, each once: recipes with features of their own have others, under their names.

    Args:
        results (dict): The results of the runs of each recipe, by its name.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for name, runs in results.items():
        for row, probes in runs[0]["test"].items():
            if row in (TRAINED, UNTRAINED):
                continue
            scores = {probe: scores_of(runs, row, probe) for probe in probes}
            if scores not in [other for key, other in found.items() if key == row or key.startswith(f"{row} of ")]:
                found[row if row not in found else f"{row} of {name}"] = scores
    return found
