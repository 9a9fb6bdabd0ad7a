"""A bank of features from earlier steps."""

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph.composed import composed
from gnnclr.graph.exact import drop_hits, nearest, pad, tile_rows
from gnnclr.graph.index import KNNIndex, KNNOutput
from gnnclr.ops.check import check_choice, check_count, check_finite, check_index, check_matrix, describe
from gnnclr.ops.processes.agreement import agree
from gnnclr.ops.processes.gather_rows import gather_rows
from gnnclr.ops.unit_rows import unit_rows


class FeatureBank(nn.Module):
    r"""Features of earlier steps, as a queue (`"Momentum Contrast for Unsupervised Visual Representation Learning"
    <https://arxiv.org/abs/1911.05722>`_) or as a memory with a row for each sample (`"Unsupervised Feature Learning
    via Non-Parametric Instance Discrimination" <https://arxiv.org/abs/1805.01978>`_).

    All state is in ``state_dict``: a bank that is restored continues exactly as the bank that was saved. An index is a
    cache that is built from that state.

    Args:
        size (int): Rows of the bank.
        dim (int): Width of a feature.
        mode (str, optional): ``"queue"`` overwrites the oldest row, ``"sample"`` the row of the sample.
            (default: ``"queue"``)
        dtype (torch.dtype, optional): Data type in which features are stored. (default: ``torch.float32``)
        index (KNNIndex or str, optional): Approximate search, worth it for large banks: ``"ivf"``, ``"hnsw"``, or an
            index with settings of your own and ``cosine=True``. (default: ``None``, exact)
        rebuild_every (int, optional): Updates between two builds of the index. Rows written since are searched
            exactly, and rows overwritten since are left out. The bank keeps a copy of the rows that were indexed.
            (default: ``64``)

    Shapes:
        - **input:** features :math:`(n, D)`, ids :math:`(n)`
        - **output:** ``features`` :math:`(m, D)`, ``ids`` and ``age`` :math:`(m)`, of the :math:`m` rows written so
          far, in storage order: row by row of the buffer, not by age
    """

    storage: Tensor
    storage_id: Tensor
    written: Tensor
    pointer: Tensor
    step: Tensor
    indexed: Tensor
    indexed_written: Tensor
    indexed_step: Tensor

    def __init__(
        self,
        size: int,
        dim: int,
        mode: str = "queue",
        dtype: torch.dtype = torch.float32,
        index: KNNIndex | str | None = None,
        rebuild_every: int = 64,
    ):
        super().__init__()
        self.size: int = check_count("size", size)
        self.dim: int = check_count("dim", dim)
        self.mode: str = check_choice("mode", mode, ("queue", "sample"))
        self.rebuild_every: int = check_count("rebuild_every", rebuild_every)
        self.index = KNNIndex(index, cosine=True) if isinstance(index, str) else index
        if self.index is not None and not (isinstance(self.index, KNNIndex) and self.index.cosine):
            raise ValueError(
                f"'index' must be 'flat', 'ivf', 'hnsw', 'auto' or a KNNIndex with cosine=True (got {describe(index)})"
            )
        if self.index is not None:
            self.index = copy.copy(self.index)
            self.index.reset()
        if not dtype.is_floating_point:
            raise ValueError(f"'dtype' must be a floating point type (got {dtype})")
        self._cache: KNNIndex | None = None

        self.register_buffer("storage", torch.zeros(size, dim, dtype=dtype))
        self.register_buffer("storage_id", torch.full((size,), -1))
        self.register_buffer("written", torch.full((size,), -1))  # the step of the last write, -1 for empty rows
        self.register_buffer("pointer", torch.tensor(0))
        self.register_buffer("step", torch.tensor(0))
        if self.index is not None:
            self.register_buffer("indexed", torch.zeros(size, dim, dtype=dtype))
            self.register_buffer("indexed_written", torch.full((size,), -1))
            self.register_buffer("indexed_step", torch.tensor(-1))

    def __len__(self) -> int:
        return int(self._valid.sum())

    def __bool__(self) -> bool:
        return True  # an empty bank is a bank: `bank or default` must not drop it

    @property
    def _valid(self) -> Tensor:
        return self.written >= 0

    @property
    def features(self) -> Tensor:
        """The rows written so far [m, d]: a copy, so that a loss may be differentiated after the next update."""
        return self.storage[self._valid]

    @property
    def ids(self) -> Tensor:
        """The sample of each row [m], -1 where it is unknown."""
        return self.storage_id[self._valid]

    @property
    def age(self) -> Tensor:
        """Updates since each row was written [m]; 0 for rows of the last one."""
        return self.step - self.written[self._valid]

    @torch.no_grad()
    def update(self, x: Tensor, ids: Tensor | None = None, gather: bool = False) -> None:
        """Writes the rows of ``x``. Of more rows than fit, or of several rows of one sample, the last are kept.

        Args:
            x (torch.Tensor): Features [n, d].
            ids (torch.Tensor, optional): The samples they are of [n]; needed by ``"sample"``, where they are the
                numbers of the rows. (default: ``None``, unknown)
            gather (bool, optional): Write the rows of all processes, in the order of their ranks, so that all hold the
                same bank. Every process must call; they may bring different numbers of rows. (default: ``False``)

        Raises:
            ValueError: If ``x`` has another width or is not finite, or if ``ids`` are missing or out of range. Where
                rows are gathered, all processes raise it, and it names the one that it is of; so it is where one has
                ``ids`` and another none, or where their banks differ in size or kind.
        """
        if gather and dist.is_available() and dist.is_initialized():
            given, sizes = agree(lambda: {"bank": self, **self._check_rows(x, ids)})
            x = gather_rows(given["x"], sizes["x"])
            ids = None if ids is None else gather_rows(given["ids"], sizes["ids"])
        else:
            x, ids = self._check_rows(x, ids).values()
            check_finite("x", x)
        ids = self.storage_id.new_full((x.size(0),), -1) if ids is None else ids

        self.step += 1
        if self.mode == "queue":
            row = (self.pointer + torch.arange(x.size(0), device=x.device)) % self.size
            self.pointer.copy_((self.pointer + x.size(0)) % self.size)
            row, x, ids = row[-self.size :], x[-self.size :], ids[-self.size :]
        else:
            row, inverse = torch.unique(ids, return_inverse=True)
            last = scatter(torch.arange(ids.numel(), device=ids.device), inverse, dim_size=row.numel(), reduce="max")
            x, ids = x[last], row
        self.storage[row], self.storage_id[row], self.written[row] = x, ids, self.step

    def _check_rows(self, x: Tensor, ids: Tensor | None) -> dict[str, Any]:
        """The rows and samples to write, as they are stored."""
        check_matrix("x", x, cols=self.dim)
        if ids is None and self.mode == "sample":
            raise ValueError("'ids' must be given to a bank with mode='sample' (got None)")
        if ids is not None:
            ids = check_index("ids", ids, x.size(0)).to(self.storage_id)
            if self.mode == "sample" and ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < self.size:
                limits = f"got values {int(ids.min())} to {int(ids.max())}"
                raise ValueError(f"'ids' must lie between 0 and {self.size - 1} ({limits})")
        return {"x": x.detach().to(self.storage), "ids": ids}

    @torch.no_grad()
    def search(self, x: Tensor, k: int, exclude_ids: Tensor | None = None) -> KNNOutput:
        """The rows of the bank that are most similar to each query, by cosine.

        Args:
            x (torch.Tensor): Queries [q, d].
            k (int): How many rows to return.
            exclude_ids (torch.Tensor, optional): For each query the sample whose rows are skipped, such as its own [q];
                -1 skips none. (default: ``None``)

        Returns:
            KNNOutput: Similarities and numbers of rows of ``features``, both [q, k], best first. A query with fewer
            than ``k`` hits has score -inf and index -1 in the columns left over.
        """
        check_matrix("x", x, cols=self.dim, finite=True)
        check_count("k", k)
        if exclude_ids is not None:
            exclude_ids = check_index("exclude_ids", exclude_ids, x.size(0)).to(self.storage_id)
        query = unit_rows(x.to(self.storage.device)).to(torch.float32)
        if self.index is None:
            out = self._search_exact(query, k, self._valid, exclude_ids)
        else:
            self._refresh()
            fresh = self.written != self.indexed_written
            recent = self._search_exact(query, k, fresh, exclude_ids)
            indexed = self._search_index(query, k, ~fresh, exclude_ids)
            score = torch.cat([indexed.score, recent.score], dim=1)
            score, column = score.sort(dim=1, descending=True, stable=True)
            out = pad(score, torch.cat([indexed.index, recent.index], dim=1).gather(1, column), k)
        number = self._valid.cumsum(0) - 1  # from rows of the buffer to rows of `features`
        return KNNOutput(out.score, torch.where(out.index < 0, -1, number[out.index]))

    def _search_exact(self, query: Tensor, k: int, subset: Tensor, exclude_ids: Tensor | None) -> KNNOutput:
        row = subset.nonzero().flatten()
        rows, ids = unit_rows(self.storage[row]).to(torch.float32), self.storage_id[row]
        if row.numel() == 0 or query.size(0) == 0:
            return pad(query.new_empty(query.size(0), 0), row.new_empty(query.size(0), 0), k)
        step, parts = tile_rows(row.numel(), query.device), []
        for start in range(0, query.size(0), step):
            own = None if exclude_ids is None else exclude_ids[start : start + step, None]
            mask = None if own is None else (own == ids) & (own >= 0)
            parts.append(nearest(query[start : start + step], rows, k, True, mask))
        score, index = (torch.cat(column) for column in zip(*parts))
        return KNNOutput(score, torch.where(index < 0, -1, row[index]))

    def _search_index(self, query: Tensor, k: int, subset: Tensor, exclude_ids: Tensor | None) -> KNNOutput:
        row = (self.indexed_written >= 0).nonzero().flatten()
        if self._cache is None:
            self._cache = copy.copy(self.index)
            self._cache.reset()
            self._cache.add(self.indexed[row])
        if exclude_ids is None or row.numel() == 0:
            score, index = self._cache.search(query, k, subset=subset[row])
            return KNNOutput(score, torch.where(index < 0, -1, row[index]) if row.numel() else index)
        known = self.storage_id[row]
        most = int(torch.unique(known[known >= 0], return_counts=True)[1].max()) if bool((known >= 0).any()) else 0
        score, index = self._cache.search(query, k + most, subset=subset[row])
        own = (known[index] == exclude_ids[:, None]) & (exclude_ids[:, None] >= 0)
        return drop_hits(KNNOutput(score, torch.where(index < 0, -1, row[index])), own, k)

    def _refresh(self) -> None:
        step, last = int(self.step), int(self.indexed_step)
        if last < 0 or step - last >= self.rebuild_every:
            self.indexed.copy_(self.storage)
            self.indexed_written.copy_(self.written)
            self.indexed_step.fill_(step)
            self._cache = None

    def _apply(self, fn: Any, *args: Any, **kwargs: Any) -> "FeatureBank":
        self._cache = None
        return super()._apply(fn, *args, **kwargs)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._cache = None
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}

    def extra_repr(self) -> str:
        """The settings, for ``repr``."""
        index = "" if self.index is None else f", index={self.index.kind!r}, rebuild_every={self.rebuild_every}"
        return f"size={self.size}, dim={self.dim}, mode={self.mode!r}{index}"


def banks_of(rewire: Any) -> list[FeatureBank]:
    """The banks that a rewiring, or those that are composed in it, have as ``bank``, each once and in order: a method
    has to update them after a step.

    Args:
        rewire (callable or None): The rewiring.
    """
    banks = (getattr(part, "bank", None) for part in composed(rewire))
    return list(dict.fromkeys(bank for bank in banks if isinstance(bank, FeatureBank)))
