"""One recipe over several seeds."""

import csv
import json
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from gnnclr.configs import RecipeError
from gnnclr.eval import results_table
from gnnclr.ops.atomic import atomic_write, write_text
from gnnclr.processes import is_rank_zero
from gnnclr.train.channels import build_data, read_from_data
from gnnclr.train.named_fields import names_fields
from gnnclr.train.parallel.jobs import Job
from gnnclr.train.run import Run
from gnnclr.train.run_folder import claim_folder


class Seeds:
    """Runs of one recipe that differ in the seed alone, and the table of their means.

    Runs that are finished are not repeated, runs that were stopped are resumed.

    Args:
        recipe (Namespace): The settings; their seed is replaced.
        folder (str or Path): The folder; run number ``s`` is in ``seed-s``.
        name (str, optional): The name that progress bars show. (default: the name of the folder)
    """

    def __init__(self, recipe: Namespace, folder: str | Path, name: str | None = None) -> None:
        self.recipe: Namespace = recipe
        self.folder: Path = Path(folder)
        self.name: str = self.folder.name if name is None else name

    @names_fields
    def check_data(self) -> None:
        """Makes the data, which read nothing yet.

        Raises:
            RecipeError: If the data do not take their settings.
        """
        build_data(self.recipe)

    @names_fields
    def run(self, seed: int) -> Run:
        """The run of a seed.

        Raises:
            RecipeError: If the folder holds a run with other settings.
        """
        self.recipe, _ = read_from_data(self.recipe)  # once for all seeds: from here on all numbers are given
        recipe = self.recipe.clone()
        recipe.seed_everything = seed
        run = Run(recipe, self.folder / f"seed-{seed}", f"{self.name} seed {seed}")
        config = run.folder / "config.yaml"
        if config.is_file() and config.read_text(encoding="utf-8") != run.settings():
            raise RecipeError(f"{run.folder} holds a run with other settings; give another --out, or remove it")
        return run

    def jobs(self, count: int) -> list[Job]:
        """The runs that are missing, for processes of their own; their memory is known from finished ones.

        Args:
            count (int): The number of seeds, from zero on.

        Raises:
            RecipeError: If a folder holds a run with other settings.
        """
        runs = [self.run(seed) for seed in range(count)]
        known = [run.result["memory_gb"] for run in runs if run.result and run.result.get("memory_gb")]
        return [Job.of_run(run, self.name, max(known, default=None)) for run in runs if run.result is None]

    def evaluate(self, count: int) -> str:
        """Trains the seeds that are missing, and writes ``evaluation.json``, ``.csv`` and ``.md``.

        Args:
            count (int): The number of seeds, from zero on.

        Returns:
            str: The table of means and standard deviations; on all but the first process of a launcher an empty text.

        Raises:
            RecipeError: If another process uses the folder, or a run in it has other settings.
        """
        if count < 1:
            raise RecipeError(f"'seeds' must be at least 1 (got {count})")
        if not is_rank_zero():  # trains with the first process, which does the rest
            for run in map(self.run, range(count)):
                self._finish(run)
            return ""
        with claim_folder(self.folder):
            return self._evaluate(count)

    def _finish(self, run: Run) -> dict[str, Any]:
        return run.result or run.fit(run.checkpoint if run.checkpoint.is_file() else None)

    def _evaluate(self, count: int) -> str:
        runs = [self.run(seed) for seed in range(count)]
        results = [self._finish(run) for run in runs]
        rows = {
            row: {probe: [result["test"][row][probe] for result in results] for probe in probes}
            for row, probes in results[0]["test"].items()
        }
        if not rows:
            raise RecipeError("there is nothing to compare: the data have no labels, or labels of one class")
        table = results_table(rows, corner="test")
        write_text(self.folder / "evaluation.md", table + "\n")
        summary = {"seeds": list(range(count)), "test": rows, "versions": results[0]["versions"]}
        write_text(self.folder / "evaluation.json", json.dumps(summary, indent=2) + "\n")
        with atomic_write(self.folder / "evaluation.csv", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "probe", "seed", "test"])
            for row, probes in rows.items():
                for probe, values in probes.items():
                    writer.writerows([row, probe, seed, value] for seed, value in enumerate(values))
        return table
