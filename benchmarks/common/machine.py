"""Where and with what results were measured."""

import importlib.metadata
import os
import platform
from functools import lru_cache
from pathlib import Path

import torch

PACKAGES = ("gnnclr", "torch", "torch-geometric", "scikit-learn", "faiss-cpu", "faiss-gpu")


@lru_cache(maxsize=2)
def machine(device: torch.device) -> str:
    """The processor, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info, name = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if info.exists():
        lines = info.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    """Python and the packages that are installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
