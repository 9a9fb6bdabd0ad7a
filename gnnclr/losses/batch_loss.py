"""The bases of losses of a whole batch, which are no means over anchors."""

from torch import Tensor

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses.graph_loss import GraphLoss, float_rows


class PairLoss(GraphLoss):
    """Base class of losses that are means over pairs or triplets: there is no loss of each anchor that a weight could
    weigh, and what each process returns is the loss of the joined batch."""

    mean_over_anchors = False

    row_by_row = True

    def graph(self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None) -> ContrastGraph:
        """The graph of a batch of views: views of a sample, or of all samples of a label, attract each other."""
        return super().graph(z0, z1, *views, labels=labels)


class FeatureLoss(GraphLoss):
    """Base class of losses that compare views feature by feature: rows are not normalized, there are no negatives, and
    every process computes the loss of the joined batch. Of more than two views it is the mean over pairs of views."""

    mean_over_anchors = False

    def graph(self, z0: Tensor, z1: Tensor, /, *views: Tensor) -> ContrastGraph:
        """The graph of a batch of views; there are no pairs, and so no use for labels."""
        return augmentation_graph((z0, z1, *views))

    def project(self, x: Tensor) -> Tensor:
        """Rows as they are."""
        return float_rows(x)
