"""Many texts in one array."""

import os
from collections.abc import Iterable, Sequence
from typing import ClassVar, overload

import numpy as np


class TextColumn(Sequence[str]):
    """A sequence of texts, such as paths in any encoding, that lie in one array of bytes: a million names take what
    their letters take, and processes that read share them.

    Args:
        letters (numpy.ndarray): The bytes of all texts, one after the other, ``uint8``.
        ends (numpy.ndarray): Where each one ends :math:`(N)`, ``int64``.
    """

    def __init__(self, letters: np.ndarray, ends: np.ndarray) -> None:
        self.letters: np.ndarray = letters
        self.ends: np.ndarray = ends

    @classmethod
    def of(cls, texts: Iterable[str]) -> "TextColumn":
        """A column of texts.

        Args:
            texts (iterable): The texts.
        """
        letters, ends = bytearray(), []
        for text in texts:
            letters += os.fsencode(text)
            ends.append(len(letters))
        return cls(np.frombuffer(bytes(letters), np.uint8), np.array(ends, np.int64))

    @classmethod
    def joined(cls, columns: Sequence["TextColumn"]) -> "TextColumn":
        """The texts of several columns, one column after the other.

        Args:
            columns (sequence): The columns, at least one.
        """
        begins = np.cumsum([0, *(len(column.letters) for column in columns[:-1])])
        ends = [column.ends + begin for column, begin in zip(columns, begins)]
        return cls(np.concatenate([column.letters for column in columns]), np.concatenate(ends))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str) and list(self) == list(other)

    __hash__: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """A text, or a list of some."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        start = self.ends[index - 1] if index else 0
        return os.fsdecode(self.letters[start : self.ends[index]].tobytes())
