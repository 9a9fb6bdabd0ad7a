"""Lines that are printed once, however many processes there are."""

import os

import torch.distributed as dist

#: Where launchers say which process this is, on all machines or on its own, before processes know of each other.
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")


def is_rank_zero() -> bool:
    """Whether this is the first of the processes, or the only one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return all(os.environ.get(name, "0") in ("", "0") for name in RANKS)


def notice(line: str) -> None:
    """Prints a line, from the process of rank zero alone.

    Args:
        line (str): What a user should know although nothing is wrong, such as what is left out of a result.
    """
    if is_rank_zero():
        print(line, flush=True)
