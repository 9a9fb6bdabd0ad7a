"""How many samples a step has: of each process, or of all of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gnnclr.ops.check import check_count

EACH, ALL = "batch_size", "global_batch_size"


class StepSize(NamedTuple):
    """The samples of a step, said in one of two ways.

    Args:
        size (int): Those of each process, or those of all.
        shared (bool): Whether they are those of all processes, which share them evenly.
    """

    size: int
    shared: bool

    @classmethod
    def given(cls, batch_size: Any, global_batch_size: Any, usual: int) -> "StepSize":
        """The size that a user gave by one of two arguments of the data, or the usual one of each process.

        Args:
            batch_size (int, optional): Samples of each process, at least 2: with one nothing repels.
            global_batch_size (int, optional): Samples of all processes.
            usual (int): Samples of each process where neither is given.

        Raises:
            ValueError: If both are given, or one is no integer of at least 2.
        """
        if batch_size is not None:
            batch_size = check_count(f"data.{EACH}", batch_size, least=2)
        if global_batch_size is not None:
            global_batch_size = check_count(f"data.{ALL}", global_batch_size, least=2)
        if batch_size is not None and global_batch_size is not None:
            raise ValueError(
                f"'data.{ALL}' must be None beside a 'data.{EACH}', which is that of each process (got "
                f"{global_batch_size} and {batch_size})"
            )
        if global_batch_size is not None:
            return cls(global_batch_size, True)
        return cls(usual if batch_size is None else batch_size, False)

    @property
    def field(self) -> str:
        """The field that says it."""
        return f"data.{ALL if self.shared else EACH}"

    def of_each(self, processes: int) -> int:
        """The samples of each process.

        Args:
            processes (int): The number of processes.

        Raises:
            ValueError: If processes cannot share a global batch evenly: a mean over processes would weigh samples
                differently.
        """
        if not self.shared:
            return self.size
        share, left = divmod(self.size, processes)
        if left or share < 2:
            fits = [n * processes for n in (share, share + 1) if n >= 2]
            raise ValueError(
                f"'{self.field}' must be a multiple of the {processes} processes, and 2 samples for each at least, "
                f"such as {' or '.join(map(str, fits or [2 * processes]))} (got {self.size})"
            )
        return share


def other_step_size(settings: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """What takes back the one of both fields that stood in a recipe, where overrides of it give the other one.

    Args:
        settings (dict): The arguments of the data in the recipe.
        overrides (list): Arguments of the command line.
    """
    words = {override.partition("=")[0].replace(".init_args", "") for override in overrides}
    given = [name for name in (EACH, ALL) if f"--data.{name}" in words]
    return [
        f"--data.{name}=null"
        for name in (EACH, ALL)
        if len(given) == 1 and name not in given and settings.get(name) is not None
    ]
