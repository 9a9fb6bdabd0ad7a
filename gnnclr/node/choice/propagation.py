"""Which propagation suits a graph."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch_geometric.data import Data

from gnnclr.eval import Split
from gnnclr.graph.weighted_edges import edges_of
from gnnclr.node.choice.criteria import ByLinks, ByValidation, FeatureCriterion
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.propagate import ppr_walk
from gnnclr.node.sparse.propagation_blocks import CONCATENATION, blocks_text, check_blocks, side_by_side

Blocks = tuple[tuple[float, int], ...]
#: PPR of five weights and three reaches, and the square of the adjacency matrix.
CELLS = (*itertools.product((0.05, 0.1, 0.2, 0.3, 0.5), (2, 4, 10)), (0.0, 2))


@dataclass(frozen=True)
class PropagationChoice:
    """What was chosen, and what it was compared with.

    Args:
        blocks (tuple): The blocks of :func:`~gnnclr.node.propagated_blocks`.
        by (str): What they were compared by.
        scores (dict): The value of each choice; empty where nothing could be compared.
        error (float): The standard error of that of the concatenation, which another one had to exceed.
    """

    blocks: Blocks
    by: str
    scores: dict[Blocks, float]
    error: float

    def __str__(self) -> str:
        chosen = f"propagation {blocks_text(self.blocks)}"
        if not self.scores:
            return f"{chosen}: {self.by}"
        cells = {blocks: score for blocks, score in self.scores.items() if blocks != CONCATENATION}
        best = max(cells, key=cells.get)
        bar = self.scores[CONCATENATION] + self.error
        verb = "exceeds" if self.blocks == best else "does not exceed"
        return (
            f"{chosen}, chosen by {self.by}: the best of {len(cells)} cells, {blocks_text(best)}, has "
            f"{100 * cells[best]:.1f} and {verb} {100 * bar:.1f}, the {100 * self.scores[CONCATENATION]:.1f} of the "
            f"concatenation and one standard error"
        )


def choose_propagation(
    data: Data, y: Tensor | None = None, split: Split | None = None, cells: Sequence[tuple[float, int]] = CELLS
) -> PropagationChoice:
    r"""Chooses how the features of a graph are propagated, see :func:`~gnnclr.node.propagated_blocks`.

    The concatenation of three reaches, :math:`[\operatorname{PPR}_{.5, 4}, \operatorname{PPR}_{.2, 10},
    \operatorname{PPR}_{.05, 10}]`, is taken unless one of the ``cells`` exceeds it by more than one standard error:
    the best of many is chosen by noise where there are few validation nodes. Values are accuracies of a linear probe
    on the validation nodes; without labels, areas under the ROC curve of held-out edges.

    Args:
        data (Data): The graph, with features that :class:`~gnnclr.node.CompactFeatures` makes or others of few columns.
        y (Tensor, optional): Labels [n], or zeros and ones [n, c]. (default: ``None``)
        split (Split, optional): Training and validation nodes; labels of test nodes are not looked at.
            (default: ``None``)
        cells (sequence, optional): Each an :math:`\alpha` and a number of steps. (default: :math:`\alpha` of .05, .1,
            .2, .3, .5 with 2, 4, 10 steps, and 0 with 2)

    Raises:
        ValueError: If the graph cannot be used, or cells are no pairs.
    """
    data = check_node_data(data)
    cells = check_blocks("cells", cells)
    criterion = feature_criterion(data, y, split)
    if isinstance(criterion, str):
        return PropagationChoice(CONCATENATION, criterion, {}, 0.0)
    scores = _scores(criterion, cells)
    error = criterion.error(scores[CONCATENATION])
    best = max(scores, key=scores.get)
    chosen = best if scores[best] > scores[CONCATENATION] + error else CONCATENATION
    return PropagationChoice(chosen, criterion.title, scores, error)


def _scores(criterion: FeatureCriterion, cells: Blocks) -> dict[Blocks, float]:
    """The value of the concatenation, and of each cell. Cells of one alpha are places of one walk, and features are let
    go once they are scored, but those of which the concatenation is made."""
    x, edges = criterion.graph.x, edges_of(criterion.graph)
    adjacency = as_adjacency(edges, x.size(0))
    reaches: dict[float, list[int]] = {}
    for alpha, hops in (*cells, *CONCATENATION):
        reaches.setdefault(alpha, []).append(hops)
    found: dict[Blocks, float] = {}
    parts: dict[tuple[float, int], Tensor] = {}
    for alpha, steps in reaches.items():
        for hops, h in ppr_walk(x, adjacency, alpha, steps):
            cell = alpha, hops
            if cell in cells:
                found[(cell,)] = criterion.score(h)
            if cell in CONCATENATION:
                parts[cell] = h
    found[CONCATENATION] = criterion.score(side_by_side([parts[cell] for cell in CONCATENATION]))
    return {blocks: found[blocks] for blocks in (CONCATENATION, *((cell,) for cell in cells))}


def feature_criterion(data: Data, y: Tensor | None, split: Split | None) -> FeatureCriterion | str:
    """The first criterion that a graph allows, or why there is none.

    Args:
        data (Data): The graph.
        y (Tensor, optional): Labels.
        split (Split, optional): A split of the nodes.
    """
    if y is not None and split is not None and split.val.numel():
        return ByValidation(data, y, split)
    try:
        return ByLinks(data)
    except ValueError as error:
        return f"nothing to choose by, {error}"
