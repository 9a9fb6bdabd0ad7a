"""What features of a graph are compared by. None of it looks at test rows."""

import math

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.eval import LinkSplit, Split
from gnnclr.eval.link_prediction import centered_auc
from gnnclr.eval.validation_accuracy import validation_accuracy

#: Tolerance of the probe, where features are compared with each other.
TOL = 1e-4


class FeatureCriterion:
    """Base class of what features are compared by; larger is better."""

    #: What it is, for the line that is printed.
    title: str
    #: The graph that features are made of.
    graph: Data

    def score(self, z: Tensor) -> float:
        """The value of features [n, d] of :attr:`graph`, in [0, 1]."""
        raise NotImplementedError

    def error(self, score: float) -> float:
        """The standard error of a value."""
        raise NotImplementedError


class ByValidation(FeatureCriterion):
    r"""Accuracy of the linear probe on the validation nodes, or Micro-F1 where a node may have several labels. Its
    standard error is that of a share, :math:`\sqrt{p (1 - p) / n}`.

    Args:
        graph (Data): The graph.
        y (Tensor): Labels [n], or zeros and ones [n, c].
        split (Split): The nodes to train the probe on and to compare by. Labels of its test nodes are forgotten here.
        most (int, optional): Of more nodes of a part as many are drawn, always the same. (default: ``2000``)
    """

    def __init__(self, graph: Data, y: Tensor, split: Split, most: int = 2000):
        train, val = (_some(part, most) for part in (split.train, split.val))
        seen = torch.cat([train, val])
        self.graph: Data = graph
        self.y: Tensor = torch.full_like(y, -1).index_copy(0, seen, y[seen])
        self.split: Split = Split(train, val, split.test)
        self.title: str = f"accuracy on {val.numel():,} validation nodes"

    def score(self, z: Tensor) -> float:
        """The accuracy."""
        settings = {} if self.y.dim() == 2 else {"tol": TOL}
        return validation_accuracy(z, self.y, self.split, **settings)

    def error(self, score: float) -> float:
        """The standard error of a share of the validation nodes."""
        return math.sqrt(score * (1 - score) / self.split.val.numel())


class ByLinks(FeatureCriterion):
    r"""How well the cosine of centered features tells held-out edges from pairs without an edge, see
    :func:`~gnnclr.eval.link_prediction.centered_auc`. Features are made of the other edges.

    The standard error of the area is that of `"The meaning and use of the area under a receiver operating
    characteristic (ROC) curve" <https://doi.org/10.1148/radiology.143.1.7063747>`_.

    Args:
        graph (Data): The graph.

    Raises:
        ValueError: If it has too few edges to hold some out, or too few pairs without one.
    """

    def __init__(self, graph: Data):
        self.split: LinkSplit = LinkSplit.random(graph)
        self.graph: Data = self.split.train
        self.title: str = f"link AUC of {self.split.val_positive.size(1):,} held-out edges"

    def score(self, z: Tensor) -> float:
        """The area under the ROC curve."""
        return centered_auc(z, self.split.val_positive, self.split.val_negative)

    def error(self, score: float) -> float:
        """The standard error of the area, of as many pairs with and without an edge."""
        n = self.split.val_positive.size(1)
        two_above, two_below = score / (2 - score), 2 * score**2 / (1 + score)  # of two pairs, both on their side
        spread = (n - 1) * (two_above - score**2 + two_below - score**2)
        return math.sqrt(max(0.0, score * (1 - score) + spread)) / n


def _some(index: Tensor, most: int) -> Tensor:
    """At most ``most`` of the nodes, in their order."""
    drawn = torch.randperm(index.numel(), generator=torch.Generator().manual_seed(0))[:most]
    return index[drawn.sort().values]
