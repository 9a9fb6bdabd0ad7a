"""The file with the results of a run."""

import json
import platform
from pathlib import Path
from typing import Any

import lightning
import torch
import torch_geometric

import gnnclr
from gnnclr.ops.read_files import read_files


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
