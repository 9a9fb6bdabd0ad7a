"""Checks the parts of a graph where it enters a layer, and again only after a change."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gnnclr.graph.bank import Bank
from gnnclr.graph.extra_negatives import ExtraNegatives
from gnnclr.graph.negatives import Negatives
from gnnclr.ops.check import check_choice, check_finite, check_index, check_matrix, check_weights, describe, looks_at
from gnnclr.ops.memo import TensorMap, original

#: Parts that hold numbers of nodes, samples, views or groups: integers of any size become int64 where they enter.
INDICES = frozenset(("edge_index", "negative_index", "ignore_index", "sample", "sample_id", "view", "group"))
#: Parts that are groups of tensors. The first of a group goes by the name of the part: alone it stands for the group.
GROUPS: dict[str, type[Bank] | type[ExtraNegatives]] = {"bank": Bank, "extra": ExtraNegatives}
#: How the energies of anchors are joined.
REDUCTIONS = ("mean", "sum")
#: What each tensor was found to be right as.
_RIGHT = TensorMap()


class _Given(NamedTuple):
    """What parts have to fit, and whether their entries are looked at."""

    nodes: int
    rows: int  # of the bank
    width: int | None  # of the bank
    edges: int | None
    extra: int
    device: torch.device | None
    summed: bool
    everywhere: bool

    def looks_at(self, value: Tensor) -> bool:
        return self.everywhere or looks_at(value)


def check_graph_parts(
    parts: Mapping[str, Any], nodes: int, like: Tensor | None = None, everywhere: bool = False
) -> None:
    """Raises a :class:`ValueError` that names the first part of a graph that is wrong.

    A tensor that was right is not looked at again, until someone writes into it.

    Args:
        parts (mapping): The parts of a graph by name.
        nodes (int): The number of nodes.
        like (Tensor, optional): Embeddings, whose width the bank must have, and whose device indices must be on.
        everywhere (bool, optional): Whether to look at the entries of tensors on any device. (default: ``False``, only
            at those on the CPU: for a GPU one would have to wait; shapes, types and devices are looked at anyway)
    """
    if parts.get("bank") is not None or parts.get("extra") is not None:
        parts = _spread(parts)
    given = _Given(
        nodes,
        _size(parts.get("bank"), 0),
        None if like is None else like.size(-1),
        None if parts.get("edge_index") is None else _size(parts["edge_index"], 1),
        _size(parts.get("extra"), 1),
        None if like is None else like.device,
        parts.get("reduction") == "sum",
        everywhere,
    )
    new = [name for name, value in parts.items() if name in _CHECKS and not _was_right(name, value, given)]
    if not new:
        return
    for name, check in _CHECKS.items():
        value = parts.get(name)
        if name in new and value is not None:
            check(name, value, given)
            _remember(name, value, given)


def _spread(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Parts with the tensors of groups in the place of the groups: ``bank``, ``bank.view``, ``bank.candidate``."""
    spread = dict(parts)
    for part, kind in GROUPS.items():
        group = parts.get(part)
        if isinstance(group, kind):
            names = [part, *(f"{part}.{field.name}" for field in fields(kind)[1:])]
            found = [(name, getattr(group, field.name)) for name, field in zip(names, fields(kind))]
            spread.update((name, value) for name, value in found if value is not None)
    return spread


def _size(value: Any, dim: int) -> int:
    return value.size(dim) if isinstance(value, Tensor) and value.dim() > dim else 0


def _was_right(name: str, value: Any, given: _Given) -> bool:
    if name == "negatives" and isinstance(value, Negatives) and value.log_weight is None:
        return True
    value = original(value)
    found = _RIGHT.get(value)
    return found is not None and found.get(name) == (value._version, given)


def _remember(name: str, value: Any, given: _Given) -> None:
    value = original(value)
    if not isinstance(value, Tensor) or value.is_inference():  # which has no version
        return
    found = _RIGHT.get(value)
    if found is None:
        _RIGHT.set(value, {name: (value._version, given)})
    else:
        found[name] = (value._version, given)


def _check_device(name: str, value: Tensor, given: _Given) -> None:
    if given.device is not None and value.device != given.device:
        raise ValueError(f"'{name}' must be on {given.device}, as the embeddings are (got one on {value.device})")


def _check_nodes(name: str, value: Any, given: _Given) -> None:
    _check_device(name, check_index(name, value, given.nodes), given)
    if name == "view" and value.numel() and given.looks_at(value) and int(value.min()) < 0:
        raise ValueError(f"'view' must not be negative (got {int(value.min())})")


def _check_rows(name: str, value: Any, given: _Given) -> None:
    shape = {"cols": given.width} if name == "bank" else {"rows": given.nodes}
    check_matrix(name, value, **shape)
    if given.looks_at(value):
        check_finite(name, value)


def _check_row_views(name: str, value: Any, given: _Given) -> None:
    _check_device(name, check_index(name, value, given.rows), given)


def _check_mask(name: str, value: Any, given: _Given) -> None:
    size = given.nodes if name == "anchor" else given.rows
    if not isinstance(value, Tensor) or value.shape != (size,) or value.dtype != torch.bool:
        raise ValueError(f"'{name}' must be a boolean tensor of shape [{size}] (got {describe(value)})")
    _check_device(name, value, given)


def _check_pairs(name: str, value: Any, given: _Given) -> None:
    _check_device(name, check_index(name, value, 2, "e"), given)
    if value.numel() == 0 or not given.looks_at(value):
        return
    n, candidates = given.nodes, given.nodes + given.rows
    low, high = (int(x) for x in value.aminmax())
    if low < 0 or high >= candidates or int(value[1].max()) >= n:
        limits = f"targets below {n} and sources below {candidates}"
        raise ValueError(f"'{name}' must have {limits} (got values {low} to {high})")
    loops = int((value[0] == value[1]).sum()) if name == "edge_index" else 0
    if loops:
        raise ValueError(
            f"'edge_index' must be without self-loops, since a node is no positive of itself: "
            f"torch_geometric.utils.remove_self_loops takes them out (got {loops})"
        )


def _check_edge_weight(name: str, value: Any, given: _Given) -> None:
    if given.edges is None:
        raise ValueError("'edge_weight' needs an 'edge_index' (got none)")
    _check_weights(name, value, given.edges, given)


def _check_anchor_weight(name: str, value: Any, given: _Given) -> None:
    _check_weights(name, value, given.nodes, given, signed=given.summed)


def _check_weights(name: str, value: Any, size: int, given: _Given, signed: bool = False) -> None:
    check_weights(name, value, size, look=False)
    _check_device(name, value, given)
    check_weights(name, value, size, look=given.looks_at(value), signed=signed)


def _check_reduction(name: str, value: Any, given: _Given) -> None:
    check_choice(name, value, REDUCTIONS)


def _check_extra(name: str, value: Any, given: _Given) -> None:
    if not isinstance(value, Tensor) or value.shape != (given.extra,) or not value.is_floating_point():
        raise ValueError(f"'{name}' must be a floating point tensor of shape [{given.extra}] (got {describe(value)})")
    _check_device(name, value, given)
    if given.looks_at(value) and not bool(value.isfinite().all()):
        raise ValueError(f"'{name}' must be finite (got {int((~value.isfinite()).sum())} NaN or infinite entries)")


def _check_rule(name: str, value: Any, given: _Given) -> None:
    if not isinstance(value, Negatives):
        raise ValueError(f"'{name}' must be a Negatives rule (got {describe(value)})")
    if value.log_weight is None:
        return
    n, rows = given.nodes, [x.size(0) for x in value.log_weight]
    if rows[0] != n or rows[1] not in (n, n + given.rows):
        raise ValueError(f"'negatives.log_weight' must have a row for each of the {n} nodes (got {rows} rows)")
    for x in value.log_weight:
        if not _was_right(name, x, given):
            if given.looks_at(x) and not bool(x.isfinite().all()):
                raise ValueError(
                    "'negatives.log_weight' must be finite; for a weight of zero take -40 (got infinity or NaN)"
                )
            _remember(name, x, given)


_CHECKS = {
    **dict.fromkeys(("sample", "sample_id", "view", "group"), _check_nodes),
    **dict.fromkeys(("bank", "features"), _check_rows),
    "bank.view": _check_row_views,
    "bank.candidate": _check_mask,
    "negatives": _check_rule,
    **dict.fromkeys(("edge_index", "negative_index", "ignore_index", "extra"), _check_pairs),
    "anchor": _check_mask,
    **dict.fromkeys(("extra.scale", "extra.log_weight"), _check_extra),
    "edge_weight": _check_edge_weight,
    "anchor_weight": _check_anchor_weight,
    "reduction": _check_reduction,
}
