"""The random-walk update: squared error in place of cross-entropy."""

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.nn.alignment import AlignmentConv, PositivePairs
from gnnclr.nn.coupled import CoupledConv, sum_by_anchor
from gnnclr.nn.log_partition import LogPartition
from gnnclr.nn.positive_softmax import PositiveSoftmax
from gnnclr.nn.uniformity import UniformityConv


class RandomWalkConv(CoupledConv):
    r"""Brings the random walk on similarities to the walk that steps to positives, as in
    `"Contrastive Learning using Random Walk Laplacian" <https://github.com/ilyassmoummad/CLRW>`_.

    With :math:`\mathbf{P}` the softmax over all other nodes, positives included, and :math:`w` the weights of
    positives, it descends the distance of the two random-walk Laplacians,

    .. math::
        E = \operatorname{mean}_i \sum_{j \neq i} (P_{ij} - w_{ij})^2, \qquad
        \mathbf{P}_{ij} = e^{s_{ij}} / \sum_{k \neq i} e^{s_{ik}}

    Squares of probabilities are a softmax at half the temperature: :math:`\sum_{j} P_{ij}^2` takes a second
    log-partition and no further pass over pairs.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0` of parts that are not
            given. (default: ``0.5``)
        alignment (AlignmentConv, optional): The attracting part. (default: ``AlignmentConv(temperature)``)
        uniformity (UniformityConv, optional): The repelling part. (default: ``UniformityConv(temperature, impl)``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph of :math:`n` nodes
        - **output:** messages :math:`(n, d)`
    """

    sharpness: tuple[float, float] = (1.0, 2.0)
    compares_positives = True

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.5,
        alignment: AlignmentConv | None = None,
        uniformity: UniformityConv | None = None,
        impl: str = "auto",
    ):
        super().__init__(temperature, alignment, uniformity, impl)
        self._check_one_temperature()

    def couple(
        self, pairs: PositivePairs, log_partition: LogPartition, squares: LogPartition
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """See :class:`CoupledConv`."""
        positive, n = PositiveSoftmax(pairs, log_partition.lse.numel()), log_partition.lse.numel()
        target, share = positive.target, sum_by_anchor(pairs.weight, pairs, n)
        weight = pairs.weight / share.masked_fill(share == 0, 1)[target]
        # An anchor without positives has no loss; its partition is set to one.
        lse = log_partition.lse.masked_fill(share == 0, float("-inf"))
        total = torch.logaddexp(lse, positive.lse).masked_fill(share == 0, 0)
        rest = (lse - total).exp()
        equal = 1 / positive.count[target]
        inside = positive.share
        p = inside * (positive.lse - total).exp()[target]
        # P - w without a difference of near-equal numbers: of equal weights only the departure from them is left.
        error = (positive.departure * equal + positive.uneven(equal, weight)) - inside * rest[target]
        square = (squares.lse - 2 * total).exp()
        energy = (share * square).sum() + (share[target] * error.square()).sum()
        by_error = 2 * share[target] * error * p
        errors = sum_by_anchor(by_error, pairs, n)
        by_total = -2 * share * square - errors
        # by_error + by_total p, where p = inside (1 - rest). What is left of by_error is p times the distance of an
        # error from their mean, both taken from the error of the strongest positive: where that has nearly all of the
        # softmax they are small, and with one positive zero.
        lead = scatter(inside, target, dim_size=n, reduce="max")[target]
        first = scatter(error.masked_fill(inside < lead, float("-inf")), target, dim_size=n, reduce="max")[target]
        apart = error - first
        apart = apart - sum_by_anchor(inside * apart, pairs, n)[target]
        pushed = (errors * rest)[target] * inside - 2 * (share * square)[target] * p
        return energy, 2 * share[target] * p * apart + pushed, (by_total * rest, share * square)
