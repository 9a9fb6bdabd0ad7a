"""Propagation first, learning afterwards."""

from typing import Any

from torch import Tensor, nn

from gnnclr.graph.weighted_edges import Edges, with_weights
from gnnclr.node.encoders.mlp import MLPEncoder
from gnnclr.node.sparse.propagate import centered_rows, ppr_features
from gnnclr.ops.check import check_count, check_probability
from gnnclr.ops.memo import TensorMemo


class PropagatedMLP(nn.Module):
    r"""A decoupled encoder: features are propagated without weights, and each node's are mapped by an MLP.

    .. math:: \mathbf{Z} = \operatorname{MLP}\big(\operatorname{PPR}_{\alpha, K}(\mathbf{X})\big)

    Propagated features are remembered while the graph stays the same, so a step on a subset of the nodes costs nothing
    on the others. With :math:`\alpha = 0` and one layer it is `SGC <https://arxiv.org/abs/1902.07153>`_.

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers.
        out_channels (int): Size of the embeddings.
        num_layers (int, optional): Number of linear layers. (default: ``2``)
        alpha (float, optional): The weight :math:`\alpha` of a node's own features in each step of the propagation.
            (default: ``0.1``)
        hops (int, optional): The number :math:`K` of steps. (default: ``8``)
        centered (bool, optional): Whether propagated features are centered and their rows brought to length one.
            (default: ``True``)
        **kwargs (optional): ``act``, ``dropout``, ``in_dropout`` and ``norm`` of :class:`~gnnclr.node.MLPEncoder`.

    Shapes:
        - **input:** features :math:`(n, F_{in})`, dense or sparse CSR; edges :math:`(2, e)`, or a sparse CSR adjacency
          matrix; optional node numbers :math:`(m)`, and weights of edges :math:`(e)`
        - **output:** embeddings of all nodes :math:`(n, F_{out})`, or of those :math:`(m, F_{out})`
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        alpha: float = 0.1,
        hops: int = 8,
        centered: bool = True,
        **kwargs: Any,
    ):
        super().__init__()
        self.in_channels: int = in_channels
        self.out_channels: int = out_channels
        self.alpha: float = check_probability("alpha", alpha)
        self.hops: int = check_count("hops", hops, least=0)
        self.centered = centered
        self.mlp: MLPEncoder = MLPEncoder(in_channels, hidden_channels, out_channels, num_layers, **kwargs)
        self._memo = TensorMemo(self.propagate)

    def propagate(self, x: Tensor, edge_index: Edges) -> Tensor:
        """The propagated features [n, F]."""
        h = ppr_features(x, edge_index, self.alpha, self.hops)
        return centered_rows(h) if self.centered else h

    def forward(
        self, x: Tensor, edge_index: Tensor, index: Tensor | None = None, edge_weight: Tensor | None = None
    ) -> Tensor:
        """The embeddings of all nodes, or of the nodes ``index``."""
        h = self._memo(x, with_weights(edge_index, edge_weight))
        return self.mlp(h if index is None else h.index_select(0, index))

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.out_channels}, num_layers={len(self.mlp.layers)}"
        return f"{type(self).__name__}({sizes}, alpha={self.alpha}, hops={self.hops})"
