"""Alignment to targets that do not move."""

from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn.alignment import AlignmentConv, PositivePairs


class StopGradientAlignmentConv(AlignmentConv):
    r"""The alignment update with a stop-gradient on the positives: anchors move to their positives, and those stay.

    Its energy is that of :class:`~gnnclr.nn.AlignmentConv`; its message is the gradient with every positive held
    constant, as SimSiam and BYOL train.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``1.0``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with positives :math:`(2, e)` and weights :math:`(e)`
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, temperature: float = 1.0):
        super().__init__(temperature)

    def pull(self, z: Tensor, graph: ContrastGraph, pairs: PositivePairs, by_score: Tensor) -> Tensor:
        """The messages to anchors; positives receive none."""
        nodes = self.candidates(z, graph)
        # propagate_type: (x: Tensor, edge_weight: Tensor)
        size = (nodes.size(0), z.size(0))
        return self.propagate(pairs.edge_index, x=(nodes, z), edge_weight=-by_score, size=size)
