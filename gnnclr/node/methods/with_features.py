"""Learned embeddings joined by the features that they were learned from."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph.weighted_edges import Edges, edges_of
from gnnclr.node.methods.method import NodeMethod
from gnnclr.node.sparse.propagate import centered_rows, ppr_features
from gnnclr.ops.check import check_count, check_positive, check_probability
from gnnclr.ops.memo import TensorMemo


class WithFeatures(NodeMethod):
    r"""A method whose embeddings are joined by propagated features.

    .. math:: \big[\operatorname{standardize}(\mathbf{Z}) / \sqrt{d},\;
        w \cdot \operatorname{normalize}(\operatorname{center}(\operatorname{PPR}_{\alpha, K}(\mathbf{X})))\big]

    Columns of :math:`\mathbf{Z}` are standardized and rows of the features have length one, so that both parts weigh
    about the same at :math:`w = 1`. Training is the method's own. A linear probe of both is better than one of
    :math:`\mathbf{Z}` alone by a point on Cora and PubMed.

    Args:
        method (torch.nn.Module): The method that is trained.
        weight (float, optional): The weight :math:`w` of the features. (default: ``1.0``)
        alpha (float, optional): See :func:`~gnnclr.node.ppr_features`. (default: ``0.1``)
        hops (int, optional): See :func:`~gnnclr.node.ppr_features`. (default: ``10``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d + F)`
    """

    def __init__(self, method: torch.nn.Module, weight: float = 1.0, alpha: float = 0.1, hops: int = 10):
        super().__init__(torch.nn.Identity())
        self.method: torch.nn.Module = method
        self.weight: float = check_positive("weight", weight)
        self.alpha: float = check_probability("alpha", alpha)
        self.hops: int = check_count("hops", hops, least=0)
        self._features = TensorMemo(self._propagate)
        if isinstance(method, NodeMethod):
            self._unused = method._unused  # said once for both

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the method."""
        return self.method.training_step_loss(data)

    def start_epoch(self, epoch: int) -> None:
        """Prepares an epoch of the method."""
        if hasattr(self.method, "start_epoch"):
            self.method.start_epoch(epoch)

    def after_optimizer_step(self) -> None:
        """Follows each step of the optimizer, as the method does."""
        if hasattr(self.method, "after_optimizer_step"):
            self.method.after_optimizer_step()

    def forward(self, data: Data) -> Tensor:
        """The embeddings of the method and the propagated features of all nodes."""
        return beside_features(self.method(data), self.weight * self._features(data.x, edges_of(data)))

    def _propagate(self, x: Tensor, edges: Edges) -> Tensor:
        return centered_rows(ppr_features(x, edges, self.alpha, self.hops))


def beside_features(z: Tensor, features: Tensor) -> Tensor:
    r"""Embeddings, whose columns are standardized and divided by :math:`\sqrt{d}`, beside features.

    Args:
        z (Tensor): Embeddings [n, d].
        features (Tensor): Features [n, F].
    """
    deviation, mean = torch.std_mean(z, dim=0, correction=0)
    return torch.cat([(z - mean) / deviation.clamp(min=1e-6) / z.size(1) ** 0.5, features], dim=1)
