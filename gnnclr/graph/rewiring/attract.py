"""Likely false negatives attract: candidates so near to an anchor's sample become its positives."""

from dataclasses import replace

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.pair_exceptions import ignore_negatives
from gnnclr.graph.pairs import is_among, same_group
from gnnclr.graph.positives import add_positives, check_positives, edge_weights
from gnnclr.graph.rewiring.false_negatives import DropFalseNegatives
from gnnclr.ops.check import check_positive


class AttractFalseNegatives(DropFalseNegatives):
    r"""Makes the most similar candidates of each anchor its positives, the attraction of `"Boosting Contrastive
    Self-Supervised Learning with False Negative Cancellation" <https://arxiv.org/abs/2011.11765>`_.

    .. math:: \mathcal{F}_i = \operatorname*{top-k}_j s_{ij} \cap \{ j : s_{ij} > t \}, \qquad
        s_{ij} = \operatorname*{aggregate}_{a \in \text{sample}(i)} \cos(\mathbf{x}_a, \mathbf{x}_j), \qquad
        \mathcal{N}^{+}(i) \leftarrow \mathcal{N}^{+}(i) \cup \mathcal{F}_i

    The candidates of a support set, all views of the anchor's sample, are the same for each of these views.
    With :class:`~gnnclr.losses.SupConLoss` at :math:`V` views this is the loss of the authors' code, over two:

    .. math:: \ell_i = \log \sum_{k \neq i} e^{s_{ik} / \tau} - \frac{1}{V - 1 + |\mathcal{F}_i|}
        \sum_{p \in \mathcal{N}^{+}(i)} s_{ip} / \tau

    The relation has a direction: where :math:`j` attracts :math:`i`, :math:`i` repels :math:`j` as before, unless it
    is in :math:`\mathcal{F}_j` too. So that it can, the rule for negatives excludes groups from here on, and positives
    across groups one by one: in a composition this transform comes after those that add positives.

    Args:
        k (int, optional): Candidates of each anchor; ``0`` changes nothing. The authors take 10.
            (default: ``None``, all above the threshold, at most 128 of each anchor)
        threshold (float, optional): The similarity that they must exceed. The authors take 0.7. (default: ``None``)
        features (str, optional): The rows that are compared, ``"x"`` or ``"features"``. (default: ``"x"``)
        support (str, optional): ``"max"``, as in the authors' code, or ``"mean"`` over the views of an anchor's sample;
            :obj:`None` compares the anchor alone. (default: ``"max"``)
        weight (float, optional): The weight of each, where a view has weight one. (default: ``1.0``)

    Raises:
        ValueError: If neither ``k`` nor ``threshold`` is given.
    """

    def __init__(
        self,
        k: int | None = None,
        threshold: float | None = None,
        features: str = "x",
        support: str | None = "max",
        weight: float = 1.0,
    ):
        super().__init__(k, threshold, features, support)
        self.weight: float = float(check_positive("weight", weight))

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with its likely false negatives as positives."""
        found = self.find(data)
        check_positives(data)
        if found.size(1) == 0:
            return data
        _spare_one_by_one(data)
        ignore_negatives(data, found)
        if data.extra is not None:
            data.extra = data.extra.keep(~is_among(data.extra.index, found, data.num_nodes))
        return add_positives(data, found, edge_weights(data).new_full((found.size(1),), self.weight))

    def __repr__(self) -> str:
        return super().__repr__() if self.weight == 1 else f"{super().__repr__()[:-1]}, weight={self.weight:g})"


def _spare_one_by_one(graph: ContrastGraph) -> None:
    """Lists what a rule that spares positives excludes beyond groups, in place: positives that are added later are then
    excluded in one direction alone."""
    rule = graph.negatives
    if not rule.spares_positives:
        return
    spared = rule.spared(graph)
    spared = spared[:, ~same_group(graph.group, spared)]
    if spared.size(1):
        ignore_negatives(graph, spared)
    graph.negatives = replace(rule, exclude="group")
