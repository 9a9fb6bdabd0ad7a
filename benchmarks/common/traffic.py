"""What the processes of a group exchange, in bytes."""

from typing import Any

import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode


class Traffic(TorchDispatchMode):
    """Counts the bytes that this process receives from others while the block runs, forward and backward on a CPU.

    A gather brings the parts of all others, an exchange of parts one part of each, and a sum over processes, in its
    cheapest form, each entry twice: as terms of the share that a process sums up, and as the sums of others.

    Attributes:
        bytes (float): The bytes so far.
    """

    def __init__(self):
        super().__init__()
        self.bytes = 0.0

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function.namespace == "c10d" and (name := function.overloadpacket.__name__) != "barrier":
            world = dist.get_world_size()
            if name == "allgather_":
                parts, passes = args[0][0], 1
            elif name == "allreduce_":
                parts, passes = args[0], 2
            elif name in ("_allgather_base_", "alltoall_base_"):
                parts, passes = args[:1], 1
            elif name == "scatter_":  # one from each process, its own included
                parts, passes = args[0], 1
            else:
                raise NotImplementedError(f"'{name}' must be a collective whose bytes are known")
            size = sum(part.numel() * part.element_size() for part in parts)
            self.bytes += passes * size * (world - 1) / world
        return function(*args, **(kwargs or {}))
