"""A bar of what takes long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gnnclr.ops.notice import is_rank_zero


@contextmanager
def progress(title: str | None, total: int, unit: str = "photo") -> Iterator[Callable[[int], object]]:
    """A bar on the terminal while a block runs, which gets a function that moves it. In a log file there is none.

    Args:
        title (str, optional): What the bar says; ``None`` shows none.
        total (int): The number of steps.
        unit (str, optional): What a step is. (default: ``"photo"``)
    """
    if title is None or not sys.stderr.isatty() or not is_rank_zero():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=title, unit=unit, dynamic_ncols=True, mininterval=0.2) as bar:
        yield bar.update
