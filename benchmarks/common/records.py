"""Finished runs, a line of a CSV file each."""

import csv
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

Line = dict[str, str]


class Records:
    """Lines of a CSV file that many processes may append to, and that a killed one does not spoil.

    Args:
        path (Path): The file; it need not exist.
        fields (sequence of str): The columns.
        key (sequence of str): The columns that tell lines apart. Of several lines with one key the last counts.

    Raises:
        ValueError: If the file has other columns.
    """

    def __init__(self, path: Path, fields: Sequence[str], key: Sequence[str]):
        self.path, self.fields, self.key = path, list(fields), list(key)
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                header = next(csv.reader(file), None)
            if header not in (None, self.fields):
                raise ValueError(f"'{path}' must have the columns {self.fields} (got {header}); choose another --out")

    def read(self) -> dict[tuple[str, ...], Line]:
        """Key to line."""
        if not self.path.exists():
            return {}
        # No value holds a line break. Read one by one, a line that was cut short within quotes spoils no other.
        text = self.path.read_text(encoding="utf-8")
        values = [next(csv.reader([line]), []) for line in text.splitlines()]
        lines = [dict(zip(self.fields, v)) for v in values if len(v) == len(self.fields) and v != self.fields]
        return {tuple(line[k] for k in self.key): line for line in lines}

    def rows(self) -> list[Line]:
        """The lines that count."""
        return list(self.read().values())

    def append(self, **values: object) -> None:
        """Adds a line in one write, so that it is there as a whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size = self.path.stat().st_size if self.path.exists() else 0
        text = self._csv([values], header=size == 0)
        if size and self.path.read_bytes()[-1:] != b"\n":
            text = "\n" + text  # what a killed writer left behind stays a line, which is too short to be read
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def write(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Writes the whole file anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(self._csv(rows, header=True), encoding="utf-8")
        os.replace(temporary, self.path)

    def put(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Writes the file with these lines in place of those of the same key."""
        new = [{name: _text(row.get(name)) for name in self.fields} for row in rows]
        self.write((self.read() | {tuple(row[k] for k in self.key): row for row in new}).values())

    def once(self, run: Callable[[], Mapping[str, object]], show: Iterable[str] = (), **key: object) -> Line:
        """The line of a key; ``run`` measures it where there is none. ``show`` is what is printed of it."""
        mark = tuple(_text(key[name]) for name in self.key)
        if mark not in (lines := self.read()):
            start = time.perf_counter()
            self.append(**key, **run())
            lines = self.read()
            found = ", ".join(f"{name} {lines[mark][name]}" for name in show)
            what = ", ".join(f"{name} {_text(key[name])}" for name in self.key if name != "settings")
            print(f"{what}: {found}; {time.perf_counter() - start:.0f} s in all", file=sys.stderr, flush=True)
        return lines[mark]

    def _csv(self, rows: Iterable[Mapping[str, object]], header: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.fields, restval="", lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)
        return text.getvalue()


def runs(path: Path, kind: str, measures: Sequence[str], also: Sequence[str] = ()) -> Records:
    """Runs that their settings tell apart; the first column says what a run is of, those of ``also`` say more of its
    settings."""
    return Records(path, [kind, "seed", *measures, *also, "settings"], [kind, "seed", "settings"])


def latest(lines: Iterable[Line], kind: str) -> dict[str, list[Line]]:
    """Of each row the lines that have the settings of its last line, in the order of seeds."""
    rows: dict[str, list[Line]] = {}
    for line in lines:
        rows.setdefault(line[kind], []).append(line)
    last = {name: [line for line in found if line["settings"] == found[-1]["settings"]] for name, found in rows.items()}
    return {name: sorted(found, key=lambda line: int(line["seed"])) for name, found in last.items()}


def numbers(lines: Iterable[Line], measure: str, scale: float = 1.0) -> list[float]:
    """A column; NaN where nothing was measured."""
    return [scale * float(line[measure] or "nan") for line in lines]


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
