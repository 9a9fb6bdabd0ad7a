"""Memory that one softmax after the other uses."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor


class Scratch:
    """Uninitialized memory, lent for as long as someone refers to this object.

    Args:
        give_back (callable): Called when nobody refers to it any more.

    Attributes:
        memory (Tensor): The entries [entries].
    """

    memory: Tensor

    def __init__(self, give_back: Callable[[], None]):
        self._give_back = give_back

    def __del__(self) -> None:
        self._give_back()


class Workspace:
    """Memory on the CPU that outlives those who use it, and is lent to one at a time.

    An operating system clears large new memory page by page, which takes longer than a matrix product that fills it;
    on a GPU PyTorch keeps freed memory itself. It grows to the largest size that was asked for.

    Args:
        most (int): The largest size in bytes.
    """

    def __init__(self, most: int):
        self.most = most
        #: A list of one buffer, or none while it is lent: taking it and giving it back are atomic among threads.
        self._free: list[list[Tensor]] = [[torch.empty(0, dtype=torch.uint8, device="cpu")]]

    def lend(self, like: Tensor, entries: int) -> Scratch | None:
        """Memory for so many entries of the type of ``like``. ``None`` if another has it, if it is too large, if
        ``like`` is not on the CPU, or while a program is traced, which would keep the tensors of its tracing."""
        size = entries * like.element_size()
        if torch.compiler.is_compiling() or type(like) is not Tensor or like.device.type != "cpu" or size > self.most:
            return None
        try:
            buffer = self._free.pop()
        except IndexError:
            return None
        loan = Scratch(partial(self._free.append, buffer))
        if buffer[0].numel() < size:
            # Made in inference mode it could not be written to in training afterwards.
            with torch.inference_mode(False):
                buffer[0] = torch.empty(size, dtype=torch.uint8, device="cpu")
        loan.memory = buffer[0][:size].view(like.dtype)
        return loan
