"""The bank of a graph: constant rows that attract or repel its nodes, such as a queue or centroids."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from gnnclr.ops.check import as_int64
from gnnclr.ops.tensor_group import TensorGroup


@dataclass(frozen=True, eq=False, repr=False)
class Bank(TensorGroup):
    """Constant extra nodes of a graph: candidates of its anchors, and sources of its edges. A queue of earlier
    embeddings, centroids, or neighbors from a memory.

    As sources of edges, rows are numbered from ``graph.num_nodes`` on.

    Args:
        rows (Tensor): The embeddings of the rows.
        view (Tensor, optional): Which view each row belongs to, ``-1`` for none: for rules whose scope is a view.
            (default: ``None``, every row is a candidate in every scope)
        candidate (Tensor, optional): Mask of the rows that may repel; the others take part only where an edge or an
            extra negative names them. (default: ``None``, all)

    Shapes:
        - ``rows`` :math:`(m, d)`, ``view``, ``candidate`` :math:`(m)`
    """

    rows: Tensor
    view: Tensor | None = None
    candidate: Tensor | None = None

    def __post_init__(self) -> None:
        if self.view is not None:
            object.__setattr__(self, "view", as_int64(self.view))

    def __len__(self) -> int:
        return self.rows.size(0)

    def append(self, rows: Tensor, candidate: bool) -> "Bank":
        """Adds rows behind those of the bank, and returns the larger bank. Rows that may repel are of every view, which
        a bank of rows that have views cannot say.

        Args:
            rows (Tensor): The new rows [r, d].
            candidate (bool): Whether they may repel.

        Raises:
            ValueError: If the rows may repel, and those of the bank have views.
        """
        if candidate and self.view is not None:
            raise ValueError("'data.bank.view' must be absent: rows that are added to it are of all views (got one)")
        old, count = self.rows, rows.size(0)
        dtype = torch.promote_types(old.dtype, rows.dtype)
        mask = self.candidate
        if mask is None and not candidate:
            mask = torch.ones(len(self), dtype=torch.bool, device=old.device)
        return Bank(
            torch.cat([old.to(dtype), rows.to(old.device, dtype)]),
            None if self.view is None else pad(self.view, (0, count), value=-1),
            None if mask is None else pad(mask, (0, count), value=candidate),
        )

    def only(self, keep: Tensor) -> "Bank":
        """Lets no other rows repel than those of a mask [m], and returns the bank of which that is so."""
        return replace(self, candidate=keep if self.candidate is None else self.candidate & keep)
