"""Finished runs, a line of a CSV file each."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path


class Records:
    """Lines of a CSV file that many processes may append to, and that a killed one does not spoil.

    Args:
        path (Path): The file; it need not exist.
        fields (sequence of str): The columns.
        key (sequence of str): The columns that tell runs apart. Of several lines with one key the last counts.

    Raises:
        ValueError: If the file has other columns.
    """

    def __init__(self, path: Path, fields: Sequence[str], key: Sequence[str]):
        self.path, self.fields, self.key = path, list(fields), list(key)
        if path.exists():
            with path.open(newline="") as file:
                header = next(csv.reader(file), None)
            if header not in (None, self.fields):
                raise ValueError(f"'{path}' must have the columns {self.fields} (got {header}); choose another --out")

    def read(self) -> dict[tuple[str, ...], dict[str, str]]:
        """Key to line."""
        if not self.path.exists():
            return {}
        # No value holds a line break. Read one by one, a line that was cut short within quotes spoils no other.
        values = [next(csv.reader([line]), []) for line in self.path.read_text().splitlines()]
        lines = [dict(zip(self.fields, v)) for v in values if len(v) == len(self.fields) and v != self.fields]
        return {tuple(line[k] for k in self.key): line for line in lines}

    def append(self, **values: object) -> None:
        """Adds a line in one write, so that it is there as a whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        writer = csv.DictWriter(text, self.fields, restval="", lineterminator="\n")
        size = self.path.stat().st_size if self.path.exists() else 0
        if size == 0:
            writer.writeheader()
        elif self.path.read_bytes()[-1:] != b"\n":
            text.write("\n")  # what a killed writer left behind stays a line of its own, which is too short to be read
        writer.writerow({name: _text(value) for name, value in values.items()})
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, text.getvalue().encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _text(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
