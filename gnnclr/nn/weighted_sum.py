"""Sums of layers."""

from torch import Tensor, nn

from gnnclr.graph import ContrastGraph
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_number
from gnnclr.ops.value_only import value_only


class WeightedSum(PairConv):
    r"""The sum of layers, :math:`E = \sum_k a_k E_k` and :math:`\mathbf{m} = \sum_k a_k \mathbf{m}_k`.

    Args:
        *parts (tuple): Pairs of a weight :math:`a_k` and a layer.

    Shapes:
        - **input:** embeddings :math:`(n, d)` and a graph
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, *parts: tuple[float, PairConv]):
        super().__init__()
        if not parts:
            raise ValueError("'parts' must be one or more pairs of a weight and a layer (got none)")
        self.weights: tuple[float, ...] = tuple(float(check_number("parts", weight)) for weight, _ in parts)
        self.parts: nn.ModuleList = nn.ModuleList(part for _, part in parts)

    @property
    def per_anchor(self) -> bool:
        """See :class:`PairConv`: whether all parts are."""
        return all(part.per_anchor for part in self.parts)

    def shares(self, graph: ContrastGraph) -> bool:
        """See :class:`PairConv`: where all parts can."""
        return all(part.shares(graph) for part in self.parts)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        energy, message, gradients = 0, None, []
        for weight, part in zip(self.weights, self.parts):
            update = part.step(z, graph)
            # A sum of energies needs all of them: with one missing, only the message is left.
            energy = None if energy is None or update.energy is None else energy + weight * update.energy
            if update.message is None:
                continue
            scaled = update.message * weight
            message = scaled if message is None else message.add_(scaled)
            gradients += [(tensor, weight * gradient) for tensor, gradient in update.gradients]
        if value_only():
            return Update(energy)
        return Update(energy, message, gradients)

    def extra_repr(self) -> str:
        """Weights and layers."""
        return " + ".join(f"{weight:g}·{part}" for weight, part in zip(self.weights, self.parts))
