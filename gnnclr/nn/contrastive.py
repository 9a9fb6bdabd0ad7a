"""The contrastive update: alignment and uniformity in balance."""

from copy import copy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch_geometric.utils import scatter

from gnnclr.graph import ContrastGraph
from gnnclr.graph.augmentation import group_pairs
from gnnclr.nn.alignment import AlignmentConv
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.uniformity import UniformityConv, edge_logsumexp
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_choice, describe

DENOMINATORS = ("pair", "all", "none")


class ContrastiveConv(PairConv):
    r"""One step of a softmax contrastive loss as one round of message passing: positives attract, negatives repel.

    With :math:`\ell_i` the log-partition over the negatives of anchor :math:`i`,
    :math:`s_{ip} = \mathbf{z}_i^\top \mathbf{z}_p / \tau` the score of a positive with
    weight :math:`w_{ip}` (summing to one), and the mean over anchors that have positives,

    .. math::
        E_{\text{pair}} &= \operatorname{mean}_i \sum_p w_{ip} \operatorname{softplus}(\ell_i - s_{ip}) \\
        E_{\text{all}} &= \operatorname{mean}_i \Big[ \log\Big(e^{\ell_i} + \sum_p e^{s_{ip}}\Big) - \sum_p w_{ip}
        s_{ip} \Big] \\
        E_{\text{none}} &= \operatorname{mean}_i \Big[ \ell_i - \sum_p w_{ip} s_{ip} \Big]

    Positives stay out of the log-sum-exp over negatives, so loss and gradient keep their digits when positives are
    nearly one with their anchors and
    :math:`\tau` is small. The message is :math:`-\partial E / \partial \mathbf{z}` in closed form.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0` of parts that are not
            given. (default: ``0.5``)
        alignment (AlignmentConv, optional): The attracting part. (default: ``AlignmentConv(temperature)``)
        uniformity (UniformityConv, optional): The repelling part. (default: ``UniformityConv(temperature, impl)``)
        denominator (str, optional): Which positives stand in the partition function of an anchor: ``"pair"``, only the
            one whose loss it is (NT-Xent, InfoNCE);
            ``"all"`` of the anchor (SupCon); or ``"none"`` (DCL), where energies and messages of the parts just add.
            (default: ``"pair"``)
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
        alignment = AlignmentConv(temperature) if alignment is None else alignment
        super().__init__(alignment.temperature)
        self.alignment = alignment
        self.uniformity = UniformityConv(alignment.temperature, impl) if uniformity is None else uniformity
        self.denominator = check_choice("denominator", denominator, DENOMINATORS)
        other = self.uniformity.temperature
        learnable = isinstance(other, nn.Parameter) or isinstance(self.temperature, nn.Parameter)
        shared = other is self.temperature or (not learnable and float(other) == float(self.temperature))
        if denominator != "none" and not shared:
            raise ValueError(
                f"'alignment' and 'uniformity' must share one temperature when positives stand in the denominator "
                f"(got {describe(self.temperature)} and {describe(other)})"
            )

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        if graph.edge_index is None:
            if self.denominator == "all" and self._covers_everything(graph):
                return self._step_groups(z, graph)
            if self.denominator != "none":
                graph = copy(graph)
                graph.edge_index = group_pairs(graph.group)
        if self.denominator == "none":
            return self._sum(z, graph)
        pairs = self.alignment.pairs(z, graph)
        normalizer = self.uniformity.normalizer(z, graph)
        couple = self._couple_pairs if self.denominator == "pair" else self._couple_anchors
        energy, by_score, by_lse = couple(pairs, normalizer.lse)
        repel, by_log_scale = normalizer.message(by_lse)
        tau = float(self.temperature)
        del normalizer  # its copies of the embeddings are not needed beside those of the edges
        message = self.exchange(z, graph, pairs.edge_index, -by_score).sub_(repel).div_(tau)
        return Update(energy, message, self._gradients(-((by_score * pairs.score).sum() + by_log_scale) / tau))

    @staticmethod
    def _couple_pairs(pairs, lse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        target = pairs.edge_index[1]
        gap = lse[target] - pairs.score
        pull = pairs.weight * torch.sigmoid(gap)
        energy = (pairs.weight * softplus(gap, threshold=50.0)).sum()
        return energy, -pull, scatter(pull, target, dim_size=lse.numel(), reduce="sum")

    @staticmethod
    def _couple_anchors(pairs, lse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        target, n = pairs.edge_index[1], lse.numel()
        share = scatter(pairs.weight, target, dim_size=n, reduce="sum")
        positive = edge_logsumexp(pairs.score, target, n)
        gap = (lse - positive).masked_fill(share == 0, float("-inf"))
        push = torch.sigmoid(gap)
        energy = (share * softplus(gap, threshold=50.0)).sum() + (pairs.weight * (positive[target] - pairs.score)).sum()
        inside = share[target] * (pairs.score - positive[target]).exp()
        # With one positive 'inside' equals the weight, bit for bit: nothing cancels.
        return energy, (inside - pairs.weight) - inside * push[target], share * push

    def _sum(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energies and messages of the parts, added, over the anchors that have positives."""
        graph = copy(graph)
        graph.anchor = graph.has_positive if graph.anchor is None else graph.has_positive & graph.anchor
        parts = [self.alignment.step(z, graph), self.uniformity.step(z, graph)]
        energy, message = (sum(getattr(part, name) for part in parts) for name in ("energy", "message"))
        return Update(energy, message, [pair for part in parts for pair in part.gradients])

    @staticmethod
    def _covers_everything(graph: ContrastGraph) -> bool:
        """Whether positives and negatives together are all other nodes, each with weight one."""
        rule = graph.negatives
        plain = rule.scope == "all" and rule.exclude == "positives" and rule.candidates is None
        return plain and rule.log_weight is None and graph.negative_index is None

    def _step_groups(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Implicit positives in the denominator of each anchor: the partition function runs over everything but the
        anchor itself."""
        graph = copy(graph)
        graph.negatives = replace(graph.negatives, exclude="self")
        return self._sum(z, graph)

    def _gradients(self, by_temperature: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(self.temperature, by_temperature)] if isinstance(self.temperature, Tensor) else []

    def extra_repr(self) -> str:
        """Temperature and denominator."""
        return f"{super().extra_repr()}, denominator={self.denominator!r}"
