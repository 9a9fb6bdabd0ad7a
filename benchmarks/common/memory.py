"""The largest memory that a stretch of code needs."""

import ctypes
import resource
from collections.abc import Callable
from pathlib import Path

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def watch_peak(device: torch.device) -> Callable[[], float | None]:
    """Starts to watch and returns a function that gives the peak since then over the memory at the start, in MB: the
    allocations on a CUDA device, or the resident memory of the process under Linux; ``None`` elsewhere."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        return lambda: (torch.cuda.max_memory_allocated(device) - before) / 2**20
    try:
        ctypes.CDLL(None).malloc_trim(0)  # memory that earlier runs left behind would hide what this one needs
        CLEAR.write_text("5")  # resets the high-water mark of the process
        before = _status("VmRSS")
    except (OSError, AttributeError, StopIteration):
        return lambda: None
    return lambda: max(0.0, _status("VmHWM") - before)


def process_peak() -> float:
    """The largest resident memory of the process so far, libraries and data included, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _status(name: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 2**10
