"""Measurements in processes of their own, so that peak memory is their own."""

import json
import subprocess
import sys
from collections.abc import Sequence


def measure_alone(module: str, arguments: Sequence[str]) -> dict:
    """What ``python -m module arguments`` prints in its last line, which is JSON.

    Raises:
        RuntimeError: With the last line of the error, if the process failed, as it does out of memory.
    """
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["killed"])[-1])
    return json.loads(done.stdout.splitlines()[-1])
