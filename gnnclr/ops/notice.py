"""Lines that are printed once, however many processes there are."""

import torch.distributed as dist

from gnnclr import processes


def is_rank_zero() -> bool:
    """Whether this is the first of the processes, or the only one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return processes.is_rank_zero()


def notice(line: str) -> None:
    """Prints a line, from the process of rank zero alone.

    Args:
        line (str): What a user should know although nothing is wrong, such as what is left out of a result.
    """
    if is_rank_zero():
        print(line, flush=True)


#: What :func:`notice_once` has printed.
_once: set[str] = set()


def notice_once(line: str) -> None:
    """Prints a line as :func:`notice`, unless this process has printed it before: data are read once for each run."""
    if line not in _once:
        _once.add(line)
        notice(line)


def was_noticed(line: str) -> bool:
    """Whether :func:`notice_once` has printed a line in this process.

    Args:
        line (str): The line.
    """
    return line in _once
