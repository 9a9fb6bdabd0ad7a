"""One recipe over several seeds."""

import csv
import json
from pathlib import Path

from jsonargparse import Namespace

from gnnclr.configs import RecipeError
from gnnclr.eval import results_table
from gnnclr.train.channels import read_from_data
from gnnclr.train.run import Run


class Seeds:
    """Runs of one recipe that differ in the seed alone, and the table of their means.

    Runs that are finished are not repeated, runs that were stopped are resumed.

    Args:
        recipe (Namespace): The settings; their seed is replaced.
        folder (str or Path): The folder; run number ``s`` is in ``seed-s``.
        name (str, optional): The name that progress bars show. (default: the name of the folder)
    """

    def __init__(self, recipe: Namespace, folder: str | Path, name: str | None = None) -> None:
        self.recipe = recipe
        self.folder = Path(folder)
        self.name = self.folder.name if name is None else name

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

    def evaluate(self, count: int) -> str:
        """Trains what is missing, and writes ``evaluation.json``, ``.csv`` and ``.md``.

        Args:
            count (int): The number of seeds, from zero on.

        Returns:
            str: The table of means and standard deviations.
        """
        if count < 1:
            raise RecipeError(f"'seeds' must be at least 1 (got {count})")
        runs = [self.run(seed) for seed in range(count)]
        results = [run.result or run.fit(run.checkpoint if run.checkpoint.is_file() else None) for run in runs]
        rows = {
            row: {probe: [result["test"][row][probe] for result in results] for probe in probes}
            for row, probes in results[0]["test"].items()
        }
        if not rows:
            raise RecipeError("there is nothing to compare: the data have no labels")
        table = results_table(rows, corner="test")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "evaluation.md").write_text(table + "\n", encoding="utf-8")
        summary = {"seeds": list(range(count)), "test": rows, "versions": results[0]["versions"]}
        (self.folder / "evaluation.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        with (self.folder / "evaluation.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "probe", "seed", "test"])
            for row, probes in rows.items():
                for probe, values in probes.items():
                    writer.writerows([row, probe, seed, value] for seed, value in enumerate(values))
        return table
