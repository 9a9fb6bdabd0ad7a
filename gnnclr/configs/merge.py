"""Merges settings: later ones replace earlier ones."""

from collections.abc import Mapping
from typing import Any

#: Fields that say one thing in two ways: where one is given, the other one of an earlier layer is taken back.
ALTERNATIVES = {"batch_size": "global_batch_size", "global_batch_size": "batch_size"}


def merge(base: Any, changes: Any) -> Any:
    """The settings ``changes`` over ``base``: mappings are merged at every depth, anything else is replaced, lists as a
    whole. Keys keep their order, new ones come last, so that weights are drawn in the same order.

    A part of another class drops the arguments of the old one. (OmegaConf and jsonargparse hand those on that the new
    class happens to have, such as the learning rate of another optimizer.)

    Args:
        base (dict): Settings as YAML gives them.
        changes (dict): The settings that differ.

    Returns:
        dict: New settings; neither argument is changed.
    """
    if isinstance(changes, list):
        return [merge(None, value) for value in changes]
    if not isinstance(changes, Mapping):
        return changes
    kept = dict(base) if isinstance(base, Mapping) else {}
    if {"class_path"} <= kept.keys() & changes.keys() and not _same_class(kept["class_path"], changes["class_path"]):
        kept.pop("init_args", None)
    for field, other in ALTERNATIVES.items():
        if changes.get(field) is not None and changes.get(other) is None:
            kept.pop(other, None)
    merged = kept | {key: merge(kept.get(key), value) for key, value in changes.items()}
    return {key: merged[key] for key in sorted(merged, key=lambda key: key != "class_path")}


def _same_class(one: Any, other: Any) -> bool:
    """Whether two class paths are spellings of one, as ``GRACE`` and ``gnnclr.node.GRACE`` are."""
    a, b = str(one).split("."), str(other).split(".")
    return a[-1] == b[-1] and (1 in (len(a), len(b)) or a[0] == b[0])
