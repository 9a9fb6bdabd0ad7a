"""Tables of results, mean ± standard deviation over seeds."""

import math
from collections.abc import Mapping, Sequence

from gnnclr.ops.check import check_choice


def results_table(
    rows: Mapping[str, Mapping[str, float | str | Sequence[float]]],
    *,
    style: str = "markdown",
    scale: float = 100.0,
    digits: int = 1,
    corner: str = "",
) -> str:
    """A table with one line per method and one column per measure.

    A sequence of numbers becomes ``mean ± standard deviation`` (the sample's, over n − 1), a single number stands
    alone, text stays as it is, and a missing or NaN value is a dash.

    Args:
        rows (mapping): Method to measure to value(s), for example ``{"GRACE": {"linear": [.81, .83], "kNN": [.79,
            .80]}}``. Columns appear in the order in which they are first met.
        style (str, optional): ``"markdown"`` or ``"plain"``. (default: ``"markdown"``)
        scale (float, optional): Factor on all numbers; 100 prints shares as percent. (default: ``100.0``)
        digits (int, optional): Digits after the point. (default: ``1``)
        corner (str, optional): Heading of the first column. (default: ``""``)
    """
    check_choice("style", style, ("markdown", "plain"))
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    body = [[name, *(result_text(row.get(c), scale, digits) for c in columns)] for name, row in rows.items()]
    head = [corner, *columns]
    lines = [head, *body]
    width = [max(len(line[i]) for line in lines) for i in range(len(head))]
    padded = [[c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(line, width))] for line in lines]
    if style == "plain":
        return "\n".join("  ".join(line).rstrip() for line in padded)
    rule = ["-" * max(width[0], 3), *("-" * max(w - 1, 2) + ":" for w in width[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in [padded[0], rule, *padded[1:]])


def result_text(value: float | str | Sequence[float] | None, scale: float = 100.0, digits: int = 1) -> str:
    """A cell of :func:`results_table`.

    Args:
        value (float, str or sequence, optional): The result, or those of several seeds.
        scale (float, optional): Factor on numbers. (default: ``100.0``)
        digits (int, optional): Digits after the point. (default: ``1``)
    """
    if value is None or isinstance(value, str):
        return value or "–"
    values = [float(v) * scale for v in (value if isinstance(value, Sequence) else [value])]
    if not values or any(math.isnan(v) for v in values):
        return "–"
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    std = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return f"{mean:.{digits}f} ± {std:.{digits}f}"
