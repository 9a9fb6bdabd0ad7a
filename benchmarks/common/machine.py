"""Where, when and with what results were measured."""

import datetime
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch

from benchmarks.common.records import Records

PACKAGES = ("torch", "torchvision")
CPUINFO = Path("/proc/cpuinfo")


@lru_cache(maxsize=2)
def machine(device: torch.device) -> str:
    """The processor, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    if CPUINFO.exists():
        lines = CPUINFO.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


def vectors() -> str:
    """Whether the processor has the widest vectors, which decide the time of matrix products."""
    return "AVX-512" if CPUINFO.exists() and "avx512f" in CPUINFO.read_text() else "no AVX-512"


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Python and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def environment(threads: int, device: str = "cpu", packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """What a result depends on besides its settings."""
    where = torch.device(device)
    name = {"gpu": machine(where)} if where.type == "cuda" else {"cpu": f"{machine(where)}, {vectors()}"}
    return name | {"threads": str(threads)} | versions(packages) | {"date": str(datetime.date.today())}


def origins(folder: Path) -> Records:
    """The command, the machine and the date of each result of a folder."""
    return Records(folder / "origins.csv", ("result", "command", "machine"), ("result",))


def note_origin(folder: Path, result: str, command: Sequence[str], where: Mapping[str, str]) -> None:
    """Says how a result was measured."""
    text = ", ".join(f"{key} {value}" for key, value in where.items())
    origins(folder).put([{"result": result, "command": shlex.join(["python", "-m", *command]), "machine": text}])


def origin(folder: Path, result: str) -> str:
    """The sentence of a page that says how a result was measured."""
    found = origins(folder).read().get((result,))
    return f"`{found['command']}`; {found['machine']}." if found else "Where this was measured is not known."


def words_of(argv: Sequence[str], without: Sequence[str] = ("--root", "--out", "--settings")) -> list[str]:
    """The words of a command without its folders, which are of the machine."""
    after = [False] + [word in without for word in argv]
    return [word for word, skip in zip(argv, after) if not skip and word.split("=")[0] not in without]
