"""The file with the results of a run."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
import torch_geometric

import gnnclr
from gnnclr.eval import ProbeResult
from gnnclr.ops.read_files import read_files


class Cost(NamedTuple):
    """The seconds of a training, those before a stop too, and the largest resident memory of its process since the
    last start, in GB, where the system tells it."""

    seconds: float
    memory_gb: float | None


def make_result(seed: int, step: int, cost: Cost, results: Mapping[str, Mapping[str, ProbeResult]]) -> dict[str, Any]:
    """The contents of a ``metrics.json``.

    Args:
        seed (int): The seed of the run.
        step (int): The steps that were taken.
        cost (Cost): What the training took.
        results (dict): The results of the probes of each row of features.
    """
    parts = {"test": "test", "validation": "val", "settings": "settings"}
    return {
        "seed": seed,
        "steps": step,
        "seconds": round(cost.seconds, 1),
        "memory_gb": None if cost.memory_gb is None else round(cost.memory_gb, 3),
        **{
            part: {
                row: {probe: getattr(result, name) for probe, result in probes.items()}
                for row, probes in results.items()
            }
            for part, name in parts.items()
        },
        "versions": versions(),
    }


def read_result(path: Path, remedy: str) -> dict[str, Any]:
    """The contents of a ``metrics.json``.

    Args:
        path (Path): The file.
        remedy (str): The remedy for a damaged file, for the message.

    Raises:
        ValueError: If the file is cut, or was not written by :class:`Run`.
    """

    def read() -> dict[str, Any]:
        result = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(result, dict) or not {"steps", "seconds", "test", "versions"} <= result.keys():
            raise ValueError("it lacks steps, seconds, test or versions")
        return result

    return read_files(path, read, "be the undamaged results of a run", remedy=remedy)


def versions() -> dict[str, str]:
    """The versions a result depends on."""
    return {
        "gnnclr": gnnclr.__version__,
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "lightning": lightning.__version__,
        "python": platform.python_version(),
        "threads": str(torch.get_num_threads()),
    }
