"""Finished runs of a benchmark, a line each of a CSV file."""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def add_rows(path: Path, rows: Iterable[dict[str, object]], keys: tuple[str, ...]) -> list[dict[str, str]]:
    """Adds rows to a CSV file, in place of those that have the same ``keys``; returns all of them, as text."""
    found = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
    found += [{name: str(value) for name, value in row.items()} for row in rows]
    table = list({tuple(row[key] for key in keys): row for row in found}.values())
    if not table:
        raise SystemExit("nothing was measured")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in table for key in row)))
        writer.writeheader()
        writer.writerows(table)
    return table


class Runs:
    """Finished runs, a line each of a CSV file; several processes may write to one file.

    Args:
        path (Path): The file.
        kind (str): What a line is of, the name of its first column.
        measures (tuple): What is measured, the columns after the seed; the first few are printed.
        shown (int): How many of them.
    """

    def __init__(self, path: Path, kind: str, measures: tuple[str, ...], shown: int):
        self.path, self.kind, self.measures, self.shown = path, kind, measures, shown

    def rows(self) -> list[dict[str, str]]:
        """The lines of the file as it is now."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def get(self, name: str, seed: int, settings: dict, run: Callable[[], dict[str, float]]) -> dict[str, str]:
        """The line of a run with these settings; ``run`` makes it where there is none."""
        key = {self.kind: name, "seed": str(seed), "settings": json.dumps(settings, sort_keys=True)}
        for row in self.rows():
            if key.items() <= row.items():
                return row
        start, fields = time.perf_counter(), (self.kind, "seed", *self.measures)
        row = dict.fromkeys(fields, "nan") | key | {measure: f"{value:.6g}" for measure, value in run().items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*fields, "settings"])
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
        shown = ", ".join(f"{measure} {row[measure]}" for measure in self.measures[: self.shown])
        print(f"{name}, seed {seed}: {shown}; {time.perf_counter() - start:.0f} s in all", file=sys.stderr, flush=True)
        return row
