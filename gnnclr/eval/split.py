"""Which nodes or images a probe is trained, chosen and tested on."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.ops.check import describe


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
        ValueError: If ``train`` or ``test`` is empty, or two of the sets share a row.
    """

    train: Tensor
    val: Tensor
    test: Tensor

    def __post_init__(self) -> None:
        for name in ("train", "val", "test"):
            object.__setattr__(self, name, _as_index(name, getattr(self, name)))
        for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
            shared = int(torch.isin(getattr(self, a), getattr(self, b)).sum())
            if shared:
                raise ValueError(f"'{a}' and '{b}' must be disjoint (got {shared} shared rows)")

    @classmethod
    def from_masks(cls, data: Data) -> "Split":
        """The split that ``train_mask``, ``val_mask`` and ``test_mask`` of a PyG :class:`~torch_geometric.data.Data`
        say.

        Raises:
            ValueError: If a mask is missing, or holds several splits side by side.
        """
        masks = [getattr(data, f"{name}_mask", None) for name in ("train", "val", "test")]
        for name, mask in zip(("train", "val", "test"), masks):
            if not isinstance(mask, Tensor) or mask.dim() != 1:
                raise ValueError(f"'data' must have a '{name}_mask' of shape [n] (got {describe(mask)})")
        return cls(*masks)

    @classmethod
    def random(cls, n: int, train: float = 0.1, val: float = 0.1, seed: int = 0) -> "Split":
        """A uniformly random split of ``n`` rows; the rows in neither ``train`` nor ``val`` are the test rows.

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
        """As :meth:`random`, but every class is divided by the same shares, up to rounding.

        Args:
            y (Tensor): Labels [n].
            train (float, optional): Share of training rows. (default: ``0.1``)
            val (float, optional): Share of validation rows. (default: ``0.1``)
            seed (int, optional): Seed of the permutation. (default: ``0``)
        """
        n = y.numel()
        a, b = _shares(n, train, val)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        order = order[torch.argsort(y.cpu()[order], stable=True)]
        # Within a class the rows are evenly spaced on [0, 1); cutting all rows by that position divides every class
        # alike.
        _, counts = torch.unique_consecutive(y.cpu()[order], return_counts=True)
        start = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        position = (torch.arange(n) - start + 0.5) / torch.repeat_interleave(counts, counts)
        order = order[torch.argsort(position, stable=True)]
        return cls(order[:a], order[a:b], order[b:])

    def check(self, n: int) -> "Split":
        """Returns the split if all its indices are rows of a matrix with ``n`` rows, and raises otherwise."""
        for name in ("train", "val", "test"):
            index = getattr(self, name)
            if index.numel() and (int(index.min()) < 0 or int(index.max()) >= n):
                low, high = int(index.min()), int(index.max())
                raise ValueError(f"'{name}' must hold rows between 0 and {n - 1} (got {low} to {high})")
        return self

    def __repr__(self) -> str:
        return f"Split(train={self.train.numel()}, val={self.val.numel()}, test={self.test.numel()})"


def _as_index(name: str, value: Tensor) -> Tensor:
    value = torch.as_tensor(value).detach().cpu()
    if value.dim() != 1 or value.is_complex() or (value.is_floating_point() and value.numel()):
        raise ValueError(f"'{name}' must be a vector of row indices or a boolean mask (got {describe(value)})")
    index = value.nonzero().view(-1) if value.dtype == torch.bool else value.long()
    if index.numel() == 0 and name != "val":
        raise ValueError(f"'{name}' must not be empty (got {describe(value)})")
    if index.unique().numel() < index.numel():
        raise ValueError(f"'{name}' must not repeat a row (got {index.numel() - index.unique().numel()} repeats)")
    return index


def _shares(n: int, train: float, val: float) -> tuple[int, int]:
    if not (0 < train < 1 and 0 <= val < 1 and train + val < 1):
        raise ValueError(f"'train' and 'val' must be shares whose sum is below 1 (got {train} and {val})")
    a = max(1, round(train * n))
    b = a + (max(1, round(val * n)) if val else 0)
    if b >= n:
        raise ValueError(f"'n' must leave rows for train, val and test (got {n} rows)")
    return a, b
