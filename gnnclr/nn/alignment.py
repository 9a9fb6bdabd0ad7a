"""The alignment update: positives attract."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph import ContrastGraph
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_choice
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.memo import TensorMemo
from gnnclr.ops.unit_rows import squared_excess
from gnnclr.ops.value_only import value_only


@dataclass
class PositivePairs:
    r"""Positives of all anchors as explicit pairs.

    Args:
        edge_index (Tensor): Positives and anchors [2, e].
        weight (Tensor): Weight of each pair [e]: the share of the anchor times the share of the pair. They sum to one
            over all pairs, unless they are ``summed``.
        score (Tensor): Kernel of each pair over the temperature, :math:`k_{ij} / \tau` [e].
        slope (Tensor, optional): Derivative of the kernel by its argument; ``None`` for the dot product, where it is
            one.
        attract (Tensor, optional): The weight with which the score of each pair attracts, where it is not ``weight``
            [e].
        learned (Tensor, optional): ``attract`` if there is one, otherwise ``weight``, with the autograd history of what
            is trained to give it [e].
        relative (Tensor, optional): The score of each pair less ``base``, with the digits that it has where positives
            are nearly one with their anchor [e]; for layers that compare positives with each other.
        base (float): The number that relative scores lack.
        summed (bool): Whether the energy is the sum over anchors, rather than their mean.
    """

    edge_index: Tensor
    weight: Tensor
    score: Tensor
    slope: Tensor | None = None
    attract: Tensor | None = None
    learned: Tensor | None = None
    relative: Tensor | None = None
    base: float = 0.0
    summed: bool = False


#: The units that the mean over positive pairs gives equal weight.
MEANS = ("anchors", "pairs")


def anchor_share(
    counts: Tensor,
    anchor: Tensor | None,
    dtype: torch.dtype,
    mean: str = "anchors",
    weight: Tensor | None = None,
    reduction: str | None = None,
) -> Tensor:
    """The share of each node in a mean [n]: zero for those that are no anchors or have nothing to count; for the rest
    in proportion to their weights as anchors, and with ``mean="pairs"`` to their counts.

    Args:
        counts (Tensor): The weight of what each node has to count [n].
        anchor (Tensor, optional): Mask of the nodes that may be anchors [n].
        dtype (torch.dtype): The type of shares.
        mean (str, optional): ``"anchors"`` or ``"pairs"``. (default: ``"anchors"``)
        weight (Tensor, optional): The weight of each anchor [n]. (default: ``None``, equal ones)
        reduction (str, optional): ``"sum"`` for weights as they are, of any sign; otherwise shares sum to one.
            (default: ``None``)
    """
    share = (counts if mean == "pairs" else counts > 0).to(dtype)
    if anchor is not None:
        share = share * anchor
    if reduction == "sum":
        return share if weight is None else share * weight.to(dtype)
    if weight is not None:
        share = share * relative_weights(weight).to(dtype)
    return share / share.sum().clamp(min=torch.finfo(dtype).tiny)


def graph_share(counts: Tensor, graph: ContrastGraph, dtype: torch.dtype, mean: str = "anchors") -> Tensor:
    """:func:`anchor_share` by the anchors of a graph [n]."""
    return anchor_share(counts, graph.anchor, dtype, mean, graph.anchor_weight, graph.reduction)


def relative_weights(edge_weight: Tensor, target: Tensor | None = None, num_nodes: int = 1) -> Tensor:
    """Weights of positives over the largest one, of all or of each target [e], in float64: only their ratios count, and
    sums of weights as they are may be no number of their type.

    Args:
        edge_weight (Tensor): Weights [e].
        target (Tensor, optional): The anchor of each positive [e]. (default: ``None``, over the largest of all)
        num_nodes (int, optional): The number of nodes, with ``target``. (default: ``1``)
    """
    weight = edge_weight.double()
    if weight.numel() == 0:
        return weight
    most = weight.amax() if target is None else scatter(weight, target, dim_size=num_nodes, reduce="max")[target]
    return weight / torch.where(most > 0, most, 1)


def anchor_mass(graph: ContrastGraph, mean: str = "anchors") -> Tensor:
    """The weight of each node in a mean over positive pairs [n], in float64: its weight as an anchor, times the weight
    of its positives where pairs are the units.

    Args:
        graph (ContrastGraph): The graph.
        mean (str, optional): ``"anchors"`` or ``"pairs"``. (default: ``"anchors"``)
    """
    if mean == "anchors":
        mass = graph.has_positive.double()
    elif graph.edge_index is None:
        _, group, size = torch.unique(graph.group, return_inverse=True, return_counts=True)
        mass = (size - 1)[group].double()
    else:
        weight = graph.edge_weight
        weight = torch.ones_like(graph.edge_index[1]).double() if weight is None else relative_weights(weight)
        mass = scatter(weight, graph.edge_index[1], dim_size=graph.num_nodes, reduce="sum")
    mass = mass if graph.anchor is None else mass * graph.anchor
    return mass if graph.anchor_weight is None else mass * relative_weights(graph.anchor_weight.detach())


def positive_weights(z: Tensor, graph: ContrastGraph, mean: str = "anchors") -> tuple[Tensor, Tensor, Tensor]:
    """Positives as explicit pairs [2, e], the weight of each among those of its anchor, summing to one [e], and the
    share of its anchor in the mean [e].

    Args:
        z (Tensor): Embeddings [n, d].
        graph (ContrastGraph): The graph.
        mean (str, optional): The units of equal shares, ``"anchors"`` or ``"pairs"``. (default: ``"anchors"``)
    """
    edge_index, weight = graph.positives, graph.anchor_weight
    shares = _shares if weight is None else _shares.function  # weights are of one batch, and may be learned
    anchors = graph.anchor, weight, graph.reduction
    return edge_index, *shares(edge_index, graph.edge_weight, *anchors, z.size(0), z.dtype, mean)


@TensorMemo
def _shares(
    edge_index: Tensor,
    edge_weight: Tensor | None,
    anchor: Tensor | None,
    anchor_weight: Tensor | None,
    reduction: str | None,
    num_nodes: int,
    dtype: torch.dtype,
    mean: str,
) -> tuple[Tensor, Tensor]:
    """The weight of each positive, and the share of its anchor: the same in all batches of views of one size."""
    source, target = edge_index
    # Self-loops are refused where entries are looked at, and weigh nothing where they are not.
    weight = (source != target).to(dtype)
    if edge_weight is not None:
        weight = weight * relative_weights(edge_weight, None if mean == "pairs" else target, num_nodes).to(dtype)
    total = scatter(weight, target, dim_size=num_nodes, reduce="sum")
    weight = weight / total[target].clamp(min=torch.finfo(dtype).tiny)
    return weight, anchor_share(total, anchor, dtype, mean, anchor_weight, reduction)[target]


@TensorMemo
def most_positives(edge_index: Tensor) -> int:
    """The most positives of an anchor."""
    return int(torch.bincount(edge_index[1], minlength=1).max())


class AlignmentConv(PairConv):
    r"""The alignment update of `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning"
    <https://arxiv.org/abs/2303.04435>`_: every view moves towards the views it is paired with.

    .. math::
        E = -\frac{1}{n\tau} \sum_i \sum_{j \in \mathcal{N}^{+}(i)} w_{ij}\, k(\mathbf{z}_i, \mathbf{z}_j), \qquad
        \mathbf{m}_i = \frac{1}{n\tau} \sum_{j \in \mathcal{N}^{+}(i)} (w_{ij} + w_{ji})\, \mathbf{z}_j

    where the message is that of the dot product,
    :math:`k(\mathbf{z}_i, \mathbf{z}_j) = \mathbf{z}_i^\top \mathbf{z}_j`.
    The weights of an anchor's positives sum to one; :math:`n` counts the anchors that have positives. So this is the
    mean over anchors of the mean over an anchor's positives. With ``mean="pairs"`` it is the mean over all pairs,
    weighted with the weights of the graph as they are: :math:`w_{ij} / n` becomes :math:`\omega_{ij} / \sum_{kl}
    \omega_{kl}`. Both agree where all anchors have equally many. Explicit positives go through ``propagate``; implicit
    ones (a graph without ``edge_index``) through sums over groups, in linear memory.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)
        kernel (PairKernel, optional): The kernel :math:`k`. (default: ``None``, the dot product)
        mean (str, optional): The mean over ``"anchors"`` or over ``"pairs"``. (default: ``"anchors"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with positives :math:`(2, e)` and weights :math:`(e)`
        - **output:** messages :math:`(n, d)`
    """

    per_anchor = True

    def __init__(
        self, temperature: float | nn.Parameter = 0.5, kernel: PairKernel | None = None, mean: str = "anchors"
    ):
        super().__init__(temperature)
        self.kernel: PairKernel | None = kernel
        self.mean: str = check_choice("mean", mean, MEANS)

    @property
    def weighs_rows(self) -> bool:
        """Whether the weights of positives also weigh the log-partition of their anchors, so that anchors weigh
        unequally in the uniformity too."""
        return self.mean == "pairs"

    def shares(self, graph: ContrastGraph) -> bool:
        """See :class:`PairConv`: every process takes all positives, which are few; rows of a bank are its own."""
        edge_index = graph.edge_index
        return graph.bank is None or edge_index is None or bool((edge_index[0] < graph.num_nodes).all())

    def pairs(self, z: Tensor, graph: ContrastGraph) -> PositivePairs:
        """The positives of a graph with their weights and scores."""
        edge_index, weight, share = positive_weights(z, graph, self.mean)
        score, slope = self.pair_scores(z, graph, edge_index)
        return PositivePairs(edge_index, weight * share, score, slope)

    @property
    def attracts_apart(self) -> bool:
        """Whether scores attract by weights other than those of their pairs."""
        return False

    def compared(self, z: Tensor, graph: ContrastGraph, pairs: PositivePairs) -> PositivePairs:
        r"""The pairs with relative scores. For the dot product these are
        :math:`(\|\mathbf{z}_i\|^2 + \|\mathbf{z}_j\|^2 - \|\mathbf{z}_i - \mathbf{z}_j\|^2 - 2) / 2\tau`: on unit
        rows a distance, which is no difference of near-equal numbers."""
        if self.kernel is not None:
            return replace(pairs, relative=pairs.score)
        scale, nodes = 1 / self._tau, self.candidates(z, graph)
        excess, (source, target) = squared_excess(nodes), pairs.edge_index
        distance = self.compare_rows(lambda a, b: (a - b).square().sum(dim=1), z, nodes, pairs.edge_index)
        relative = (excess[source] + excess[target] - distance).mul_(scale / 2)
        return replace(pairs, relative=relative, base=scale)

    def pull(self, z: Tensor, graph: ContrastGraph, pairs: PositivePairs, by_score: Tensor) -> Tensor:
        r"""Minus the gradient of :math:`\sum_e u_e s_e` over all pairs by ``z``, times :math:`\tau` [n, d].

        Args:
            z (Tensor): Embeddings [n, d].
            graph (ContrastGraph): The graph, for its bank.
            pairs (PositivePairs): The pairs.
            by_score (Tensor): The gradient :math:`u` by each score [e].
        """
        return self.messages_both_ways(z, graph, pairs.edge_index, -by_score, pairs.slope)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        if graph.edge_index is None and self.sums_over_groups:
            return self._step_groups(z, graph)
        pairs = self.pairs(z, graph)
        attract = pairs.weight if pairs.attract is None else pairs.attract
        energy = -(attract * pairs.score).sum()
        if value_only():
            return Update(energy)
        update = self._result(energy, self.pull(z, graph, pairs, -attract))
        if pairs.learned is not None:
            update.gradients.append((pairs.learned, -pairs.score))
        return update

    @property
    def sums_over_groups(self) -> bool:
        """Whether positives of a group can be summed without listing their pairs."""
        return self.kernel is None and type(self) is AlignmentConv

    def _step_groups(self, z: Tensor, graph: ContrastGraph) -> Update:
        _, group, size = torch.unique(graph.group, return_inverse=True, return_counts=True)
        others = size[group] - 1
        weight = (graph_share(others, graph, z.dtype, self.mean) / others.clamp(min=1)).unsqueeze(1)
        attract = weight * (scatter(z, group, reduce="sum")[group] - z)
        energy = -(attract * z).sum() / self._tau
        if value_only():
            return Update(energy)
        return self._result(energy, attract + scatter(weight * z, group, reduce="sum")[group] - weight * z)

    def _result(self, energy: Tensor, message: Tensor) -> Update:
        tau = self.temperature
        gradients = [(tau, -energy / float(tau))] if isinstance(tau, Tensor) else []
        return Update(energy, message / float(tau), gradients)

    def extra_repr(self) -> str:
        """The temperature, and what differs from the default."""
        return super().extra_repr() + ("" if self.mean == "anchors" else f", mean={self.mean!r}")
