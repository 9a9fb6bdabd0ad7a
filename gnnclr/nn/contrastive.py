"""The contrastive update of NT-Xent, InfoNCE, SupCon and DCL: positives attract, negatives repel."""

from copy import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gnnclr.graph import ContrastGraph
from gnnclr.nn.alignment import AlignmentConv, PositivePairs, graph_share, most_positives
from gnnclr.nn.coupled import CoupledConv, sum_by_anchor
from gnnclr.nn.log_partition import LogPartition, Weigh
from gnnclr.nn.positive_softmax import PositiveSoftmax
from gnnclr.nn.uniformity import UniformityConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_choice
from gnnclr.ops.group_softmax import GroupSoftmax
from gnnclr.ops.processes.shared_group_softmax import SharedGroupSoftmax
from gnnclr.ops.value_only import value_only

DENOMINATORS = ("pair", "all", "none")


class ContrastiveConv(CoupledConv):
    r"""One step of a softmax contrastive loss as one round of message passing: positives attract, negatives repel.

    With :math:`\ell_i` the log-partition over the negatives of anchor :math:`i`,
    :math:`s_{ip} = k(\mathbf{z}_i, \mathbf{z}_p) / \tau` the score of a positive with weight :math:`w_{ip}` (summing to
    one), and the mean over anchors that have positives,

    .. math::
        E_{\text{pair}} &= \operatorname{mean}_i \sum_p w_{ip} \operatorname{softplus}(\ell_i - s_{ip}) \\
        E_{\text{all}} &= \operatorname{mean}_i \Big[ \log\Big(e^{\ell_i} + \sum_p e^{s_{ip}}\Big) - \sum_p w_{ip}
        s_{ip} \Big] \\
        E_{\text{none}} &= \operatorname{mean}_i \Big[ \ell_i - \sum_p w_{ip} s_{ip} \Big]

    With ``denominator="none"`` the mean of :math:`\ell_i` leaves out anchors without negatives. Positives stay out of
    the log-sum-exp over negatives, so loss and gradient keep their digits when positives are nearly one with their
    anchors and :math:`\tau` is small. The message is :math:`-\partial E / \partial \mathbf{z}` in closed form.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0` of parts that are not
            given. (default: ``0.5``)
        alignment (AlignmentConv, optional): The attracting part. (default: ``AlignmentConv(temperature)``)
        uniformity (UniformityConv, optional): The repelling part. (default: ``UniformityConv(temperature, impl)``)
        denominator (str, optional): Which positives stand in the partition function of an anchor: ``"pair"``, only the
            one whose loss it is (NT-Xent, InfoNCE); ``"all"`` of the anchor (SupCon); or ``"none"`` (DCL), where
            energies and messages of the parts just add. (default: ``"pair"``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; a :class:`~gnnclr.graph.ContrastGraph` of :math:`n` nodes
        - **output:** messages :math:`(n, d)`
    """

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.5,
        alignment: AlignmentConv | None = None,
        uniformity: UniformityConv | None = None,
        denominator: str = "pair",
        impl: str = "auto",
    ):
        super().__init__(temperature, alignment, uniformity, impl)
        self.denominator: str = check_choice("denominator", denominator, DENOMINATORS)
        if denominator != "none" or self.alignment.weighs_rows:
            self._check_one_temperature()

    @property
    def plain(self) -> bool:
        """See :class:`PairConv`: plain parts, one temperature, the positive in the denominator, any implementation."""
        alignment, uniformity = self._modules["alignment"], self._modules["uniformity"]  # in every step of a loss
        return (
            type(self) is ContrastiveConv
            and self.denominator == "pair"
            and type(alignment) is AlignmentConv
            and type(uniformity) is UniformityConv
            and uniformity.impl == "auto"
            and alignment.kernel is uniformity.kernel is None
            and _are_same(self.temperature, alignment.temperature, uniformity.temperature)
        )

    def shares(self, graph: ContrastGraph) -> bool:
        """See :class:`PairConv`; where parts add up, nodes without positives are no anchors of either."""
        if not super().shares(graph):
            return False
        if self.denominator != "none" or self.alignment.weighs_rows:
            return True
        some = graph.has_positive
        return bool((some if graph.anchor is None else some | ~graph.anchor).all())

    @property
    def compares_positives(self) -> bool:
        """See :class:`CoupledConv`."""
        return self.denominator == "all" or self.alignment.attracts_apart

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        if self.denominator == "all" and graph.edge_index is None and self.alignment.sums_over_groups:
            return self._step_groups(z, graph)
        if self.denominator == "none" and not self.alignment.weighs_rows:
            return self._sum(z, graph)
        return super().step(z, graph)

    def couple(self, pairs: PositivePairs, log_partition: LogPartition) -> tuple[Tensor, Tensor, tuple[Tensor]]:
        """See :class:`CoupledConv`."""
        couple = {"pair": self._couple_pairs, "all": self._couple_anchors, "none": self._couple_sums}
        return couple[self.denominator](pairs, log_partition.lse)

    def weigh(self, pairs: PositivePairs, num_nodes: int) -> Weigh | None:
        """See :class:`CoupledConv`."""
        target = pairs.edge_index[1]
        if self.denominator != "pair" or pairs.slope is not None or target.numel() > num_nodes:
            return None
        if most_positives(pairs.edge_index) > 1:
            return None
        # One positive for each anchor: what its push needs is two numbers.
        share = pairs.weight.new_zeros(num_nodes).index_copy_(0, target, pairs.weight)
        score = pairs.score.new_zeros(num_nodes).index_copy_(0, target, pairs.score)
        return lambda lse, index: share[index] * torch.sigmoid(lse - score[index])

    @staticmethod
    def _couple_pairs(pairs: PositivePairs, lse: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor]]:
        gap = lse[pairs.edge_index[1]] - pairs.score
        pull = pairs.weight * torch.sigmoid(gap)
        energy = (pairs.weight * softplus(gap, threshold=50.0)).sum()
        return energy, -pull, (sum_by_anchor(pull, pairs, lse.numel()),)

    @staticmethod
    def _couple_anchors(pairs: PositivePairs, lse: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor]]:
        share, positive = sum_by_anchor(pairs.weight, pairs, lse.numel()), PositiveSoftmax(pairs, lse.numel())
        gap = (lse - positive.lse).masked_fill(share == 0, float("-inf"))
        push = torch.sigmoid(gap)
        energy = (share * softplus(gap, threshold=50.0)).sum() + (pairs.weight * positive.shortfall).sum()
        # The share of a positive among positives, less its weight, less the share that negatives take.
        target, each = positive.target, share / positive.count
        by_score = positive.departure * (each * torch.sigmoid(-gap))[target] - (each * push)[target]
        return energy, by_score + positive.uneven(each[target], pairs.weight), (share * push,)

    @staticmethod
    def _couple_sums(pairs: PositivePairs, lse: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor]]:
        share, none = sum_by_anchor(pairs.weight, pairs, lse.numel()), lse == float("-inf")
        push = share.masked_fill(none, 0)
        if not pairs.summed:  # as in the sum of the parts, the mean runs over the anchors that have negatives
            push = push * (share.sum() / push.sum().clamp(min=torch.finfo(push.dtype).tiny))
        energy = (push * lse.masked_fill(none, 0)).sum() - (pairs.weight * pairs.score).sum()
        return energy, -pairs.weight, (push,)

    def _sum(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energies and messages of the parts, added, over the anchors that have positives."""
        graph = copy(graph)
        graph.anchor = graph.has_positive if graph.anchor is None else graph.has_positive & graph.anchor
        parts = [self.alignment.step(z, graph), self.uniformity.step(z, graph)]
        energy = sum(part.energy for part in parts)
        if value_only():
            return Update(energy)
        message = sum(part.message for part in parts)
        return Update(energy, message, [pair for part in parts for pair in part.gradients])

    def _step_groups(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Implicit positives in the denominator of each anchor: as :meth:`_couple_anchors`, by sums over groups."""
        log_partition = self.uniformity.log_partition(z, graph)
        groups, rows = (z, graph.group, 1 / self._tau), graph.own_rows
        positives = GroupSoftmax(*groups) if rows is None else SharedGroupSoftmax(*groups, rows)
        share = graph_share(positives.count, graph, z.dtype, self.alignment.mean)
        gap = (log_partition.lse - positives.lse).masked_fill(share == 0, float("-inf"))
        push, each = torch.sigmoid(gap), share / positives.count.clamp(min=1)
        energy = (share * (softplus(gap, threshold=50.0) + positives.spread)).sum()
        if value_only():
            return Update(energy)
        learned = isinstance(self.temperature, Tensor)
        repel, by_scale = log_partition.message(share * push)
        # (1 + ε) / P of the positives' softmax, less the weight 1 / P, less the share of negatives in the partition.
        message, by = positives.message(each * torch.sigmoid(-gap), each * push, by_scale=learned)
        message = message.add_(repel).div_(-self._tau)
        return Update(energy, message, self._gradients(by_scale + by) if learned else [])

    def extra_repr(self) -> str:
        """Temperature, denominator, and the alignment where it is a special one."""
        alignment = "" if type(self.alignment) is AlignmentConv else f", alignment={self.alignment}"
        return f"{super().extra_repr()}, denominator={self.denominator!r}{alignment}"


def _are_same(one: float | Tensor, *others: float | Tensor) -> bool:
    """Whether temperatures are one parameter, or equal numbers, which a layer that was pickled has several times."""
    for other in others:
        if other is not one and (isinstance(one, Tensor) or isinstance(other, Tensor) or other != one):
            return False
    return True
