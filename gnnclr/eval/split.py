"""Splits of nodes or images into training, validation and test."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.ops.check import check_count, check_number, describe
from gnnclr.ops.labels import UNLABELED, class_labels, has_label

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Split:
    r"""Three disjoint sets of row indices: train the probe, choose its settings, report its accuracy.

    Args:
        train (Tensor): Indices, or a boolean mask, of the rows a probe is trained on.
        val (Tensor): The rows its settings are chosen on. May be empty where nothing is chosen.
        test (Tensor): The rows its accuracy is reported on.

    Shapes:
        - **train**, **val**, **test:** integer :math:`(n_{\ast})` or boolean :math:`(n)`; kept as int64 indices

    Raises:
        ValueError: If ``train`` or ``test`` is empty, two of the sets share a row, or masks differ in length.
    """

    train: Tensor
    val: Tensor
    test: Tensor
    _rows: int | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = {}
        for name in PARTS:
            value = _as_vector(name, getattr(self, name))
            if value.dtype == torch.bool:
                sizes[name] = value.numel()
            object.__setattr__(self, name, _as_index(name, value))
        if len(set(sizes.values())) > 1:
            raise ValueError(f"masks must be equally long (got {sizes})")
        # The number of rows, where masks tell it.
        object.__setattr__(self, "_rows", next(iter(sizes.values()), None))
        for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
            shared = int(torch.isin(getattr(self, a), getattr(self, b)).sum())
            if shared:
                raise ValueError(f"'{a}' and '{b}' must be disjoint (got {shared} shared rows)")

    @classmethod
    def from_masks(cls, data: Data) -> "Split":
        """The split that ``train_mask``, ``val_mask`` and ``test_mask`` of a PyG :class:`~torch_geometric.data.Data`
        say, without the nodes that have no label ``y`` where there are labels, see :meth:`labeled`.

        Raises:
            ValueError: If a mask is missing, is not boolean or not as long as there are nodes, or holds several splits
                side by side; :func:`gnnclr.node.choose_split` takes one of them. If there are labels, but none in
                ``train_mask`` or ``test_mask``.
        """
        if not isinstance(data, Data):
            raise ValueError(f"'data' must be a Data with masks of a split (got {describe(data)})")
        masks = [data.to_dict().get(f"{name}_mask") for name in PARTS]
        for name, mask in zip(PARTS, masks):
            if not isinstance(mask, Tensor) or mask.dim() != 1 or mask.dtype != torch.bool:
                several = isinstance(mask, Tensor) and mask.dim() == 2 and mask.dtype == torch.bool
                hint = "; gnnclr.node.choose_split(data, seed) takes one of several splits" if several else ""
                raise ValueError(f"'data' must have a boolean '{name}_mask' of shape [n] (got {describe(mask)}){hint}")
        for name, mask in zip(PARTS, masks):
            if name != "val" and not bool(mask.any()):
                raise ValueError(f"'data.{name}_mask' must hold a node (got none of {mask.numel()})")
        split = cls(*masks)
        if data.x is not None:
            split.check(data.x.size(0))
        return split if data.y is None else split.labeled(data.y, "data.y")

    @classmethod
    def random(cls, n: int, train: float = 0.1, val: float = 0.1, seed: int = 0) -> "Split":
        """A uniformly random split of ``n`` rows; the rows in neither ``train`` nor ``val`` are the test rows. It knows
        no labels: :meth:`labeled` leaves out rows without one, and :meth:`stratified` divides those that have one.

        Args:
            n (int): Number of rows.
            train (float, optional): Share of training rows. (default: ``0.1``)
            val (float, optional): Share of validation rows. (default: ``0.1``)
            seed (int, optional): Seed of the permutation; the global generator is left alone. (default: ``0``)
        """
        a, b = _shares(n, train, val)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        return cls(order[:a], order[a:b], order[b:])

    @classmethod
    def stratified(cls, y: Tensor, train: float = 0.1, val: float = 0.1, seed: int = 0) -> "Split":
        """As :meth:`random`, but every class is divided by the same shares, up to rounding. Rows without a label are in
        no part.

        Args:
            y (Tensor): Labels [n], ``-1`` or NaN where a row has none.
            train (float, optional): Share of training rows. (default: ``0.1``)
            val (float, optional): Share of validation rows. (default: ``0.1``)
            seed (int, optional): Seed of the permutation. (default: ``0``)
        """
        y = class_labels("y", y).cpu()
        row = (y != UNLABELED).nonzero().view(-1)
        n, y = row.numel(), y[row]
        a, b = _shares(n, train, val)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        order = order[torch.argsort(y[order], stable=True)]
        # Within a class the rows are evenly spaced on [0, 1); cutting all rows by that position divides every class
        # alike.
        _, counts = torch.unique_consecutive(y[order], return_counts=True)
        start = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        position = (torch.arange(n) - start + 0.5) / torch.repeat_interleave(counts, counts)
        order = row[order[torch.argsort(position, stable=True)]]
        return cls(order[:a], order[a:b], order[b:])

    def labeled(self, y: Tensor, name: str = "y") -> "Split":
        """The split without the rows that have no label: itself, if all have one.

        Args:
            y (Tensor): Labels [n], ``-1`` or NaN where a row has none; or zeros and ones [n, c], ``-1`` in such rows.
            name (str, optional): Name of ``y``, for messages. (default: ``"y"``)

        Raises:
            ValueError: If no training row or no test row has a label, or rows are out of range.
        """
        known = has_label(name, y).cpu()
        parts = [getattr(self.check(known.numel()), part) for part in PARTS]
        kept = [part[known[part]] for part in parts]
        for part, before, after in zip(PARTS, parts, kept):
            if after.numel() == 0 and part != "val":
                raise ValueError(
                    f"'{name}' must have a label for a row of '{part}' (got none for {before.numel()} rows)"
                )
        return self if sum(map(len, kept)) == sum(map(len, parts)) else Split(*kept)

    def check(self, n: int) -> "Split":
        """Returns the split if all its indices are rows of a matrix with ``n`` rows, and raises otherwise."""
        if self._rows not in (None, n):
            raise ValueError(f"masks of a split must hold an entry for each of {n} rows (got {self._rows})")
        for name in PARTS:
            index = getattr(self, name)
            if index.numel() and (int(index.min()) < 0 or int(index.max()) >= n):
                low, high = int(index.min()), int(index.max())
                raise ValueError(f"'{name}' must hold rows between 0 and {n - 1} (got {low} to {high})")
        return self

    def __repr__(self) -> str:
        return f"Split(train={self.train.numel()}, val={self.val.numel()}, test={self.test.numel()})"


def _as_vector(name: str, value: Any) -> Tensor:
    try:
        vector = torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        vector = None
    # An empty list makes a tensor of floats.
    if vector is None or vector.dim() != 1 or vector.is_complex() or (vector.is_floating_point() and vector.numel()):
        raise ValueError(f"'{name}' must be a vector of row indices or a boolean mask (got {describe(value)})")
    return vector


def _as_index(name: str, value: Tensor) -> Tensor:
    index = value.nonzero().view(-1) if value.dtype == torch.bool else value.long()
    if index.numel() == 0 and name != "val":
        raise ValueError(f"'{name}' must not be empty (got {describe(value)})")
    if index.unique().numel() < index.numel():
        raise ValueError(f"'{name}' must not repeat a row (got {index.numel() - index.unique().numel()} repeats)")
    return index


def _shares(n: int, train: float, val: float) -> tuple[int, int]:
    check_count("n", n)
    if check_number("train", train, above=0, below=1) + check_number("val", val, least=0, below=1) >= 1:
        raise ValueError(f"'train' and 'val' must be shares whose sum is below 1 (got {train} and {val})")
    a = max(1, round(train * n))
    b = a + (max(1, round(val * n)) if val else 0)
    if b >= n:
        raise ValueError(f"'n' must leave rows for train, val and test (got {n} rows)")
    return a, b
