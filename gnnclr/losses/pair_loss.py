"""The base of losses that are means over pairs or triplets."""

from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.losses.graph_loss import GraphLoss


class PairLoss(GraphLoss):
    """Base class of losses that are means over pairs or triplets: there is no loss of each anchor that a weight could
    weigh, and every process computes the loss of the joined batch."""

    mean_over_anchors = False

    def graph(self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None) -> ContrastGraph:
        """The graph of a batch of views: views of a sample, or of all samples of a label, attract each other."""
        return super().graph(z0, z1, *views, labels=labels)
