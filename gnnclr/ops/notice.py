"""Lines that are printed once, however many processes there are."""

import os

import torch.distributed as dist

#: Where launchers say which process this is, before the processes know of each other.
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


def is_rank_zero() -> bool:
    """Whether this is the first of the processes, or the only one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return int(next((os.environ[name] for name in RANKS if os.environ.get(name)), "0")) == 0


def notice(line: str) -> None:
    """Prints a line, from the process of rank zero alone.

    Args:
        line (str): What a user should know although nothing is wrong, such as what is left out of a result.
    """
    if is_rank_zero():
        print(line, flush=True)
