"""The Jensen-Shannon loss."""

from torch import Tensor

from gnnclr.losses.batch_loss import PairLoss
from gnnclr.losses.graph_loss import float_rows, normalize
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, PotentialConv, WeightedSum
from gnnclr.ops.kernels import JensenShannonNegative, JensenShannonPositive


class JSDLoss(PairLoss):
    r"""The Jensen-Shannon bound on mutual information of `"Learning deep representations by mutual information
    estimation and maximization" <https://arxiv.org/abs/1808.06670>`_, with the dot product as discriminator.

    .. math::
        \mathcal{L} = -\operatorname{mean}_i \big[ \log 2 - \operatorname{softplus}(-s_{ip}) \big] +
        \operatorname{mean}_{i, j} \big[ \operatorname{softplus}(s_{ij}) - \log 2 \big], \qquad
        s_{ij} = \mathbf{z}_i^\top \mathbf{z}_j

    Negatives :math:`j` are the views of all other samples. Methods for graphs leave rows as they are; on unit rows the
    loss stays within narrow bounds.

    Args:
        normalized (bool, optional): Whether rows are brought to unit length. (default: ``False``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)

    Shapes:
        - **input:** two or more views :math:`(n, d)`, optional keyword ``labels`` :math:`(n)`; or stacked views
          :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="-mean_i [log 2 - softplus(-s_ip)] + mean_ij [softplus(s_ij) - log 2]",
        kernel="softplus of the dot product",
        link="mean",
        pairs="all views of other samples",
        weights="one",
        paper="Deep InfoMax, https://arxiv.org/abs/1808.06670",
    )

    row_by_row = True

    def __init__(self, normalized: bool = False, gather_distributed: bool = False, impl: str = "auto"):
        alignment, repulsion = AlignmentConv(1.0, JensenShannonPositive()), PotentialConv(JensenShannonNegative(), impl)
        super().__init__(WeightedSum((1.0, alignment), (1.0, repulsion)), gather_distributed)
        self.normalized = normalized

    def project(self, x: Tensor) -> Tensor:
        """Rows as they are, or of unit length."""
        return normalize(x) if self.normalized else float_rows(x, power=2)
