"""The memory that processes take."""

from pathlib import Path

import psutil

#: Bytes of a GB, as memory is counted.
GB = 2**30
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident_gb(process: int | None = None) -> float:
    """The resident memory of a process and of those that it has started, in GB. Libraries that several processes share
    are counted in each; a process that has ended takes none.

    Args:
        process (int, optional): The number of the process. (default: this one, without those that it has started)
    """
    if process is None:
        return psutil.Process().memory_info().rss / GB
    total = 0
    try:
        started = psutil.Process(process)
        members = [started, *started.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for member in members:
        try:
            total += member.memory_info().rss
        except psutil.Error:  # it has ended meanwhile
            continue
    return total / GB


class PeakMemory:
    """The largest resident memory of this process while the block runs, under Linux.

    Example:
        >>> with PeakMemory() as peak:
        ...     train()
        >>> peak.gb
    """

    def __init__(self) -> None:
        #: In GB; ``None`` where the system does not tell, and before the block has ended.
        self.gb: float | None = None
        self._told = False

    def __enter__(self) -> "PeakMemory":
        try:
            CLEAR.write_text("5")  # resets the high-water mark of the process
            self._told = True
        except OSError:
            self._told = False
        return self

    def __exit__(self, *args: object) -> None:
        lines = STATUS.read_text().splitlines() if self._told else []
        found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
        self.gb = found[0] * 2**10 / GB if found else None
