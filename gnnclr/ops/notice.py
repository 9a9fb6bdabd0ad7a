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
