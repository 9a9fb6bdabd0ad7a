"""The base of softmax updates: scores of positives coupled with log-partitions of negatives."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph import ContrastGraph
from gnnclr.nn.alignment import AlignmentConv, PositivePairs
from gnnclr.nn.log_partition import LogPartition, Weigh
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.uniformity import UniformityConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import describe
from gnnclr.ops.value_only import value_only


class CoupledConv(PairConv):
    r"""Base class of layers whose energy is a function of the scores :math:`s_{ip}` of positives and of log-partitions
    of negatives at one or more sharpnesses :math:`c`,

    .. math:: \ell^{(c)}_i = \log \sum_{j \in \mathcal{N}^{-}(i)} w_{ij} e^{c\, k(\mathbf{z}_i, \mathbf{z}_j) / \tau}

    A subclass sets :attr:`sharpness` and writes :meth:`couple`; messages follow by the chain rule, from the parts.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0` of parts that are not
            given. (default: ``0.5``)
        alignment (AlignmentConv, optional): The attracting part. (default: ``AlignmentConv(temperature)``)
        uniformity (UniformityConv, optional): The repelling part. (default: ``UniformityConv(temperature, impl)``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
    """

    per_anchor = True
    #: The sharpness of each log-partition that :meth:`couple` takes.
    sharpness: tuple[float, ...] = (1.0,)
    #: Whether :meth:`couple` compares an anchor's positives with each other. Its energy must not change then when all
    #: scores of an anchor grow by the same amount.
    compares_positives: bool = False

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.5,
        alignment: AlignmentConv | None = None,
        uniformity: UniformityConv | None = None,
        impl: str = "auto",
    ):
        alignment = AlignmentConv(temperature) if alignment is None else alignment
        super().__init__(alignment.temperature)
        self.alignment = alignment
        self.uniformity: UniformityConv = (
            UniformityConv(alignment.temperature, impl) if uniformity is None else uniformity
        )

    def shares(self, graph: ContrastGraph) -> bool:
        """See :class:`PairConv`: where both parts can."""
        return self.alignment.shares(graph) and self.uniformity.shares(graph)

    def couple(self, pairs: PositivePairs, *log_partitions: LogPartition) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """The energy, and its gradients by the score of each pair [e] and by each log-partition [n].

        Args:
            pairs (PositivePairs): The positives.
            *log_partitions (LogPartition): The log-partitions, one for each sharpness.
        """
        raise NotImplementedError

    def weigh(self, pairs: PositivePairs, num_nodes: int) -> Weigh | None:
        """The gradient by the log-partitions as a function ``weigh(lse, index)`` of those of some anchors, or ``None``
        where it takes more than that. Given, it must equal what :meth:`couple` returns."""
        return None

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        graph = graph.with_edges()
        pairs = self.alignment.pairs(z, graph)
        pairs.summed = graph.reduction == "sum"
        if self.compares_positives or pairs.attract is not None:
            pairs = self.alignment.compared(z, graph, pairs)
        options = {"weigh": self.weigh(pairs, z.size(0))} if len(self.sharpness) == 1 else {}
        log_partitions = [self.uniformity.log_partition(z, graph, sharpness=c, **options) for c in self.sharpness]
        energy, by_score, by_lse = self._couple(pairs, log_partitions)
        if value_only():
            return Update(energy)
        by_weight = self._gradient_by_weight(pairs, log_partitions)
        by_scale, repel = self._gradient_by_scale(pairs, by_score, by_lse), None
        for c, by in zip(self.sharpness, by_lse):
            message, by_log_scale = log_partitions.pop(0).message(by)  # copies of the embeddings go with each
            repel = message.mul_(c) if repel is None else repel.add_(message, alpha=c)
            by_scale = by_scale + by_log_scale
        message = self.alignment.pull(z, graph, pairs, by_score).sub_(repel).div_(self._tau)
        return Update(energy, message, self._gradients(by_scale) + by_weight)

    def _couple(
        self, pairs: PositivePairs, log_partitions: list[LogPartition]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """What :meth:`couple` returns, with scores that attract by weights of their own."""
        energy, by_score, by_lse = self.couple(pairs, *log_partitions)
        if pairs.attract is None:
            return energy, by_score, by_lse
        # Of each anchor the rest sums to zero: scores of positives are compared with each other here.
        rest = pairs.weight - pairs.attract
        return energy + (rest * pairs.relative).sum(), by_score + rest, by_lse

    def _gradient_by_scale(self, pairs: PositivePairs, by_score: Tensor, by_lse: tuple[Tensor, ...]) -> Tensor:
        """The gradient by the logarithm of the inverse temperature, the part of positives."""
        if not self.compares_positives:
            return (by_score * pairs.score).sum()
        # What all scores of an anchor share: as the energy does not change with it, the gradients by them sum to zero.
        common = -sum(c * by.sum() for c, by in zip(self.sharpness, by_lse))
        return (by_score * pairs.relative).sum() + common * pairs.base

    def _gradient_by_weight(
        self, pairs: PositivePairs, log_partitions: list[LogPartition]
    ) -> list[tuple[Tensor, Tensor]]:
        """Weights that are learned, and the gradient by them: given scores and log-partitions, the energy is a function
        of few numbers, which autograd differentiates for every objective."""
        if pairs.learned is None:
            return []
        with torch.enable_grad():
            weight = pairs.learned.detach().requires_grad_()
            name = "weight" if pairs.attract is None else "attract"
            energy, *_ = self._couple(replace(pairs, **{name: weight}), log_partitions)
            return [(pairs.learned, torch.autograd.grad(energy, weight)[0])]

    def _gradients(self, by_log_scale: Tensor) -> list[tuple[Tensor, Tensor]]:
        tau = self.temperature
        return [(tau, -by_log_scale / float(tau))] if isinstance(tau, Tensor) else []

    def _check_one_temperature(self) -> None:
        """Refuses parts of different temperatures, where the energy couples them."""
        other = self.uniformity.temperature
        learnable = isinstance(other, Tensor) or isinstance(self.temperature, Tensor)
        if other is not self.temperature and (learnable or float(other) != self._tau):
            raise ValueError(
                f"'alignment' and 'uniformity' must share one temperature when positives stand in the denominator "
                f"(got {describe(self.temperature)} and {describe(other)})"
            )


def sum_by_anchor(value: Tensor, pairs: PositivePairs, num_nodes: int) -> Tensor:
    """Sums of what belongs to pairs, over the pairs of each anchor [n]."""
    return scatter(value, pairs.edge_index[1], dim_size=num_nodes, reduce="sum")
