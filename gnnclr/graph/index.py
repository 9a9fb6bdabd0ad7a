"""Exact and approximate nearest neighbor search behind one class."""

import sys
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.nn.pool.knn import KNNOutput

from gnnclr.graph.exact import drop_hits, nearest, pad, tile_rows
from gnnclr.ops.check import check_choice, check_count, check_matrix, describe
from gnnclr.ops.unit_rows import unit_rows

INSTALL = 'pip install "gnnclr[cpu]"'
MIN_ROWS_PER_CELL = 8
#: Rows from which ``"auto"`` is approximate: Flat is faster at 10,000 and IVF at 50,000 (docs/results/neighbors.md).
APPROXIMATE_ROWS = 20_000
#: Largest entries whose squares are within float32, summed over features.
SMALLEST, LARGEST = 1e-15, 1e15


@lru_cache(maxsize=1)
def load_faiss() -> Any:
    """The :mod:`faiss` module, or ``None`` where it is missing."""
    try:
        import faiss  # torch is loaded by now: the order that is safe on every platform
    except ImportError:
        return None
    return faiss


@lru_cache(maxsize=1)
def warn_exact(reason: str) -> None:
    """Says once in a process why the search is not FAISS."""
    warnings.warn(f"KNNIndex uses the exact torch search, because {reason}", stacklevel=4)


@lru_cache(maxsize=8)
def gpu_resources(faiss: Any, device: int) -> Any:
    """One FAISS resource per device: a fresh one costs 0.1 s and up to 1.5 GB of scratch memory."""
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(64 * 2**20)
    return resources


def to_gpu(faiss: Any, index: Any, device: int) -> Any:
    """The index on a device, or ``None`` where FAISS cannot place it there."""
    try:
        return faiss.index_cpu_to_gpu(gpu_resources(faiss, device), device, index)
    except RuntimeError:
        return None


class KNNIndex:
    r"""A store of embeddings that is searched for nearest neighbors, exactly or approximately, by `FAISS
    <https://arxiv.org/abs/2401.08281>`_ or by torch.

    The score is higher for nearer rows: the similarity :math:`\cos(\mathbf{q}, \mathbf{x}_j)` if :obj:`cosine`, else
    the negative squared distance :math:`-\lVert \mathbf{q} - \mathbf{x}_j \rVert^2`. Results carry no gradient, and
    equal rows added in equal order give equal results. PyG's class of this name needs FAISS, and a class for each kind.

    Args:
        kind (str, optional): ``"flat"`` is exact. ``"ivf"`` visits the nearest cells of a k-means partition, which is
            trained on the first rows added, or when there are enough of them (8 a cell); until then it is exact.
            ``"hnsw"`` walks a `navigable graph <https://arxiv.org/abs/1603.09320>`_. ``"auto"`` is ``"flat"`` below
            20,000 rows and ``"ivf"`` from there on. (default: ``"flat"``)
        cosine (bool, optional): Compare directions. Rows are normalized here; zero rows stay zero and
            have similarity 0 to all. (default: ``False``)
        backend (str, optional): ``"faiss"``, ``"torch"`` (always exact), or ``"auto"``: FAISS if it is installed,
            except on macOS, where its OpenMP runtime clashes with that of torch. On a CUDA device ``"auto"`` is torch
            unless the kind is ``"ivf"`` and FAISS supports GPUs. (default: ``"auto"``)
        num_cells (int, optional): Cells of ``"ivf"``. (default: :math:`4\sqrt{n}`)
        num_cells_to_visit (int, optional): Cells of ``"ivf"`` that a search visits. (default: ``16``)
        num_links (int, optional): Links per row of ``"hnsw"``, :math:`M` of the paper. (default: ``32``)
        ef (int, optional): Candidates that a search of ``"hnsw"`` keeps. (default: ``64``)

    Example:
        >>> index = KNNIndex("ivf", cosine=True)
        >>> index.add(x)
        >>> score, neighbor = index.search(x, k=5, exclude=torch.arange(len(x)))
    """

    def __init__(
        self,
        kind: str = "flat",
        cosine: bool = False,
        backend: str = "auto",
        num_cells: int | None = None,
        num_cells_to_visit: int = 16,
        num_links: int = 32,
        ef: int = 64,
    ):
        self.kind: str = check_choice("kind", kind, ("flat", "ivf", "hnsw", "auto"))
        self.backend: str = check_choice("backend", backend, ("auto", "faiss", "torch"))
        self.cosine = cosine
        self.num_cells: int | None = check_count("num_cells", num_cells, optional=True)
        self.num_cells_to_visit: int = check_count("num_cells_to_visit", num_cells_to_visit)
        self.num_links: int = check_count("num_links", num_links)
        self.ef: int = check_count("ef", ef)
        self.reset()

    def reset(self) -> None:
        """Removes all rows, and the index that was trained on them."""
        self._dim: int | None = None
        self._index: Any = None  # the FAISS index
        self._rows: Tensor | None = None  # the rows, where torch searches or may have to

    def __len__(self) -> int:
        return self._index.ntotal if self._index is not None else 0 if self._rows is None else self._rows.size(0)

    @property
    def embeddings(self) -> Tensor:
        """The rows added [n, d], in float32, normalized if :obj:`cosine`."""
        if self._rows is not None:
            return self._rows
        return torch.empty(0, 0) if self._index is None else torch.from_numpy(self._index.reconstruct_n(0, len(self)))

    def add(self, x: Tensor) -> None:
        """Adds the rows of ``x`` [n, d]; they are numbered in the order in which they come.

        Raises:
            ValueError: If ``x`` is not a finite floating point matrix as wide as the rows before it, or if its squared
                distances are beyond float32.
            ImportError: If the backend is ``"faiss"`` and FAISS is not installed.
        """
        check_matrix("x", x, finite=True, cols=self._dim)
        x = self._prepare(x)
        if x.size(0) == 0:
            return
        untrained = self._index is not None and not hasattr(self._index, "nprobe")
        if untrained and self._kind_of(len(self) + x.size(0)) == "ivf":
            x = torch.cat([self.embeddings.to(x.device), x])
            self.reset()
        if self._dim is None:
            self._dim, self._index = x.size(1), self._build(x)
        if self._index is None or x.is_cuda:
            self._rows = x if self._rows is None else torch.cat([self._rows, x])
        if self._index is not None:
            # Rows go into a navigable graph one by one: parallel insertion differs from run to run.
            for rows in x.cpu().split(1 if self.kind == "hnsw" else x.size(0)):
                self._index.add(rows.numpy())

    def search(self, x: Tensor, k: int, exclude: Tensor | None = None, subset: Tensor | None = None) -> KNNOutput:
        """The nearest rows of each query, best first.

        Args:
            x (torch.Tensor): The queries [q, d].
            k (int): How many rows to return.
            exclude (torch.Tensor, optional): For each query the number of one row to skip, such as its own [q];
                -1 skips none. (default: ``None``)
            subset (torch.Tensor, optional): Mask of the rows that may be returned [n]. (default: ``None``)

        Returns:
            KNNOutput: Scores and row numbers, both [q, k]. A query with fewer than ``k`` hits has score -inf and
            index -1 in the columns left over.
        """
        check_count("k", k)
        check_matrix("x", x, finite=True, cols=self._dim)
        if exclude is not None and (not isinstance(exclude, Tensor) or exclude.shape != x.shape[:1]):
            raise ValueError(f"'exclude' must be an integer tensor of shape [{x.size(0)}] (got {describe(exclude)})")
        if subset is not None and (subset.dtype != torch.bool or subset.shape != (len(self),)):
            raise ValueError(f"'subset' must be a boolean tensor of shape [{len(self)}] (got {describe(subset)})")
        query = self._prepare(x)
        if len(self) == 0 or query.size(0) == 0:
            return pad(query.new_empty(query.size(0), 0), query.new_empty((query.size(0), 0), dtype=torch.long), k)
        if self._index is None:
            return self._search_torch(query, k, exclude, subset)
        try:
            out = self._search_faiss(query, k + (exclude is not None), subset)
        except RuntimeError:
            if self._rows is None:
                raise
            self._index = None  # a GPU index that lacks a feature or the memory for it
            return self._search_torch(query, k, exclude, subset)
        return out if exclude is None else drop_hits(out, out.index == exclude.to(x.device)[:, None], k)

    def _prepare(self, x: Tensor) -> Tensor:
        if self.cosine:
            return unit_rows(x.detach()).to(torch.float32).contiguous()
        largest = float(x.detach().abs().amax()) if x.numel() else 0.0
        # A tiny query is as good as zero, but tiny rows are all alike.
        if largest > LARGEST or (len(self) == 0 and 0 < largest < SMALLEST):
            raise ValueError(
                f"'x' must have its largest entry between {SMALLEST:g} and {LARGEST:g}, as squared distances are taken "
                f"in float32 (got {largest:g})"
            )
        return x.detach().to(torch.float32).contiguous()

    def _kind_of(self, num_rows: int) -> str:
        if self.kind != "auto":
            return self.kind
        return "flat" if num_rows < APPROXIMATE_ROWS else "ivf"

    def _build(self, x: Tensor) -> Any:
        faiss = None if self.backend == "torch" else load_faiss()
        kind = self._kind_of(x.size(0))
        gpu = x.is_cuda and kind != "hnsw" and getattr(faiss, "get_num_gpus", int)() > 0
        if self.backend == "faiss" and faiss is None:
            raise ImportError(f"'backend' is 'faiss', which is not installed; {INSTALL}")
        if self.backend == "auto" and faiss is None:
            warn_exact(f"faiss is not installed; for approximate search {INSTALL}")
        elif self.backend == "auto" and sys.platform == "darwin":
            warn_exact("faiss and torch clash on macOS; backend='faiss' uses it all the same")
            return None
        elif self.backend == "auto" and x.is_cuda and not (gpu and kind == "ivf"):
            return None
        if faiss is None:
            return None

        cells = self.num_cells or round(4 * x.size(0) ** 0.5)
        ivf = kind == "ivf" and x.size(0) >= MIN_ROWS_PER_CELL * cells
        factory = f"IVF{cells},Flat" if ivf else f"HNSW{self.num_links},Flat" if kind == "hnsw" else "Flat"
        metric = faiss.METRIC_INNER_PRODUCT if self.cosine else faiss.METRIC_L2
        index = faiss.index_factory(x.size(1), factory, metric)
        if kind == "hnsw":
            index.hnsw.efSearch = self.ef
        if ivf:
            index.nprobe, index.cp.seed = self.num_cells_to_visit, 1234
            index.cp.min_points_per_centroid = MIN_ROWS_PER_CELL
            index.train(x.cpu().numpy())
        return to_gpu(faiss, index, x.device.index) if gpu else index

    def _search_torch(self, query: Tensor, k: int, exclude: Tensor | None, subset: Tensor | None) -> KNNOutput:
        rows = self.embeddings.to(query.device)
        number = torch.arange(rows.size(0), device=query.device)
        step, parts = tile_rows(rows.size(0), query.device), []
        for start in range(0, query.size(0), step):
            part = slice(start, start + step)
            mask = None if subset is None else ~subset.to(query.device)
            if exclude is not None:
                own = exclude[part].to(query.device)[:, None] == number
                mask = own if mask is None else own | mask
            parts.append(nearest(query[part], rows, k, self.cosine, mask))
        return KNNOutput(*(torch.cat(column) for column in zip(*parts)))

    def _search_faiss(self, query: Tensor, k: int, subset: Tensor | None) -> KNNOutput:
        faiss, params = load_faiss(), None
        if subset is not None:
            bits = np.packbits(subset.cpu().numpy(), bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
            if hasattr(self._index, "nprobe"):
                params = faiss.SearchParametersIVF(sel=selector, nprobe=self.num_cells_to_visit)
            elif self.kind == "hnsw":
                params = faiss.SearchParametersHNSW(sel=selector, efSearch=self.ef)
            else:
                params = faiss.SearchParameters(sel=selector)
        score, index = self._index.search(query.cpu().numpy(), min(k, len(self)), params=params)
        score, index = torch.from_numpy(score).to(query.device), torch.from_numpy(index).to(query.device)
        score = (score if self.cosine else -score.clamp(min=0)).masked_fill(index < 0, float("-inf"))
        return pad(score, index, k)
