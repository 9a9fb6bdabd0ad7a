"""CCA-SSG: decorrelated features instead of negatives."""

from torch import nn

from gnnclr.losses import CCASSGLoss
from gnnclr.node.methods.two_view import TwoView, View
from gnnclr.node.transforms.views import grace_view


class CCASSG(TwoView):
    r"""The method of `"From Canonical Correlation Analysis to Self-supervised Graph Neural Networks"
    <https://arxiv.org/abs/2106.12484>`_: views agree, features are uncorrelated.

    .. math::
        \mathcal{L} = -\tfrac{1}{n} \operatorname{tr}\big(\tilde{\mathbf{Z}}_0^{\top} \tilde{\mathbf{Z}}_1\big)
        + \lambda \sum_v \big\| \tfrac{1}{n} \tilde{\mathbf{Z}}_v^{\top} \tilde{\mathbf{Z}}_v - \mathbf{I} \big\|_F^2

    with columns of :math:`\tilde{\mathbf{Z}}_v` standardized. A step costs :math:`O(n d^2)`, and 20 to 100 steps are
    enough on citation graphs. The authors' encoder has no activation after the last convolution
    (``GCNEncoder(F, 512, 512, act_last=False)``), and no projector.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        loss (torch.nn.Module, optional): Called as ``loss(z0, z1)``. (default: ``CCASSGLoss()``)
        views (sequence, optional): Two transforms. (default: edges and features dropped with probabilities .4 and .1,
            as the authors do on Cora)
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        loss: nn.Module | None = None,
        views: tuple[View, View] | None = None,
        projector: nn.Module | None = None,
    ):
        loss = CCASSGLoss() if loss is None else loss
        views = (grace_view(0.4, 0.1), grace_view(0.4, 0.1)) if views is None else views
        super().__init__(encoder, loss, projector, views)
