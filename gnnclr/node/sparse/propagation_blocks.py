"""Features of several reaches side by side."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gnnclr.graph.weighted_edges import Edges
from gnnclr.node.sparse.propagate import ppr_features
from gnnclr.ops.check import check_count, check_probability, describe
from gnnclr.ops.unit_rows import unit_rows

#: A near, a middle and a far reach, which need no choice (docs/results/auto.md).
CONCATENATION = ((0.5, 4), (0.2, 10), (0.05, 10))


def propagated_blocks(x: Tensor, edge_index: Edges, blocks: Sequence[Sequence[Any]] = CONCATENATION) -> Tensor:
    r"""Features propagated by :func:`~gnnclr.node.ppr_features`, or several of these side by side, each with rows of
    length one.

    .. math:: \big[\operatorname{normalize}(\operatorname{PPR}_{\alpha_1, K_1}(\mathbf{X})), \ldots,
        \operatorname{normalize}(\operatorname{PPR}_{\alpha_B, K_B}(\mathbf{X}))\big]

    One block alone stays as it is propagated.

    Args:
        x (Tensor): Features, dense or sparse CSR.
        edge_index (Tensor or WeightedEdges): Edges [2, e], or a sparse CSR adjacency matrix used as it is.
        blocks (sequence, optional): For each block :math:`\alpha` and the number of steps :math:`K`.
            (default: ``((0.5, 4), (0.2, 10), (0.05, 10))``)

    Shapes:
        - **input:** :math:`(n, F)`
        - **output:** dense :math:`(n, B F)`
    """
    blocks = check_blocks("blocks", blocks)
    return side_by_side([ppr_features(x, edge_index, alpha, hops) for alpha, hops in blocks])


def side_by_side(found: Sequence[Tensor]) -> Tensor:
    """Propagated features as the blocks of :func:`propagated_blocks`.

    Args:
        found (sequence of Tensor): Those of each block [n, F].
    """
    return found[0] if len(found) == 1 else torch.cat([unit_rows(h) for h in found], dim=1)


def check_blocks(name: str, blocks: Any) -> tuple[tuple[float, int], ...]:
    """Returns blocks as a tuple of pairs, and raises a :class:`ValueError` unless each is an :math:`\\alpha` and a
    number of steps.

    Args:
        name (str): Name of the argument, for the message.
        blocks: The value to check.
    """
    pairs = isinstance(blocks, Sequence) and all(isinstance(pair, Sequence) and len(pair) == 2 for pair in blocks)
    if not pairs or not blocks or isinstance(blocks, str):
        raise ValueError(f"'{name}' must be pairs of alpha and hops, at least one (got {describe(blocks)})")
    return tuple((check_probability(name, alpha), check_count(name, hops, least=0)) for alpha, hops in blocks)


def blocks_text(blocks: Sequence[Sequence[Any]]) -> str:
    """Blocks in words, such as ``[ppr(0.5, 4), ppr(0.2, 10)]``.

    Args:
        blocks (sequence): For each block alpha and the number of steps.
    """
    words = [f"ppr({alpha:g}, {hops})" for alpha, hops in blocks]
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"
