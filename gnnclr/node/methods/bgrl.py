"""BGRL: one view predicts the other, without negatives."""

from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MLP

from gnnclr.eval.geometry import view_measures
from gnnclr.losses import NegativeCosineLoss
from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.method import NodeMethod, check_two_views, width
from gnnclr.node.methods.two_view import View
from gnnclr.node.transforms.views import grace_view


class BGRL(NodeMethod):
    r"""The method of `"Large-Scale Representation Learning on Graphs via Bootstrapping"
    <https://arxiv.org/abs/2102.06514>`_: a predictor on the online encoder finds the embeddings of the other view by a
    slow copy of the encoder.

    .. math:: \mathcal{L} = -\operatorname{mean}_i \cos\big(q(\mathbf{h}^0_i), \mathbf{t}^1_i\big)
        - \operatorname{mean}_i \cos\big(q(\mathbf{h}^1_i), \mathbf{t}^0_i\big)

    :meth:`after_optimizer_step` moves the copy, and must be called after each step. The authors' encoder normalizes
    (``GCNEncoder(F, 256, 128, act="prelu", norm="batch_norm")``).

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        predictor (torch.nn.Module, optional): The map :math:`q`.
            (default: two layers with a PReLU of 512 between, as wide as ``encoder.out_channels``)
        views (sequence, optional): Two transforms. (default: edges and features dropped with probabilities .5/.2 and
            .4/.1, as the authors do on Computers)
        loss (torch.nn.Module, optional): Called as ``loss(prediction, target)`` in both directions, and added.
            (default: ``NegativeCosineLoss()``)
        momentum (float, optional): The momentum of the copy at the start. (default: ``0.99``)
        steps (int, optional): Steps over which the momentum rises to one; the authors take all of the training.
            (default: ``None``, constant)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        predictor: nn.Module | None = None,
        views: tuple[View, View] | None = None,
        loss: nn.Module | None = None,
        momentum: float = 0.99,
        steps: int | None = None,
    ):
        super().__init__(encoder)
        if predictor is None:
            size = width(encoder, "predictor")
            predictor = MLP([size, 512, size], act="prelu", norm=None)
        self.predictor = predictor
        self.views: tuple[View, View] = check_two_views(
            (grace_view(0.5, 0.2), grace_view(0.4, 0.1)) if views is None else views
        )
        self.loss: nn.Module = NegativeCosineLoss() if loss is None else loss
        self.target: MomentumEncoder = MomentumEncoder(encoder, momentum, steps)

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two fresh views of the graph, and ``alignment`` and ``uniformity`` of the embeddings."""
        data = check_node_data(data)
        views = [view(data) for view in self.views]
        h0, h1 = (self.encode(view) for view in views)
        t0, t1 = (self.encode(view, self.target) for view in views)
        loss = self.loss(self.predictor(h0), t1) + self.loss(self.predictor(h1), t0)
        return loss, view_measures(h0, h1)

    def after_optimizer_step(self) -> None:
        """Moves the target encoder towards the encoder."""
        self.target.update(self.encoder)
