"""The triplet loss over all triplets."""

from torch import Tensor

from gnnclr.losses.batch_loss import PairLoss
from gnnclr.losses.graph_loss import float_rows, normalize
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import SwappedTripletConv, TripletConv
from gnnclr.ops.check import check_choice, describe


class TripletLoss(PairLoss):
    r"""The margin loss over all triplets of an anchor, its positive and a negative, as in `"FaceNet"
    <https://arxiv.org/abs/1503.03832>`_ with distances that are not squared.

    .. math::
        \mathcal{L} = \operatorname{mean}_{i, p, j} \big[ \|\mathbf{z}_i - \mathbf{z}_p\| -
        \|\mathbf{z}_i - \mathbf{z}_j\| + m \big]_{+}

    Positives :math:`p` are the other views of the sample of view :math:`i`, and negatives :math:`j` the views of all
    other samples. The mean runs over all triplets, those at zero too; :math:`i` with more positives or negatives has
    more of them, and where a graph weighs positives, triplets weigh as these. With ``positives="mean"`` the first
    distance is the mean over the positives of :math:`i`, and the mean runs over pairs :math:`(i, j)`; with two views
    that is the same. Euclidean distances under :math:`10^{-3}` count as that, and have no slope.

    Args:
        margin (float, optional): The margin :math:`m > 0`. (default: ``1.0``)
        normalized (bool, optional): Whether rows are brought to unit length. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)
        positives (str, optional): ``"all"``, a hinge for each positive; or ``"mean"``, one hinge of their mean
            distance. (default: ``"all"``)
        distance (str, optional): ``"euclidean"``; or ``"cosine"``, which is :math:`1 - \cos` and has rows of unit
            length always. (default: ``"euclidean"``)
        swap (bool, optional): Whether a negative is as near as it is to the anchor or to the positive, whichever is
            less, as in :class:`torch.nn.TripletMarginLoss`; needs ``positives="all"``. (default: ``False``)

    Shapes:
        - **input:** two or more views :math:`(n, d)`, optional keyword ``labels`` :math:`(n)`; or stacked views
          :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_ipj [|z_i - z_p| - |z_i - z_j| + m]_+",
        kernel="distance",
        link="hinge at the positive's distance plus a margin",
        pairs="all views of other samples",
        weights="one",
        paper="FaceNet, https://arxiv.org/abs/1503.03832",
    )

    def __init__(
        self,
        margin: float = 1.0,
        normalized: bool = True,
        gather_distributed: bool = False,
        impl: str = "auto",
        positives: str = "all",
        distance: str = "euclidean",
        swap: bool = False,
    ):
        if swap and check_choice("positives", positives, ("all", "mean")) != "all":
            raise ValueError(f"'positives' must be 'all' for a loss with 'swap' (got {describe(positives)})")
        conv = TripletConv(margin, impl, positives, distance)
        super().__init__(SwappedTripletConv(margin, impl, distance) if swap else conv, gather_distributed)
        self.normalized: bool = normalized or distance == "cosine"

    def project(self, x: Tensor) -> Tensor:
        """Rows of unit length, or as they are."""
        return normalize(x) if self.normalized else float_rows(x, power=2)
