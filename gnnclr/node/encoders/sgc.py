"""A linear encoder."""

from torch import Tensor, nn

from gnnclr.graph.weighted_edges import with_weights
from gnnclr.node.encoders.encoder_input import encoder_input
from gnnclr.node.encoders.mlp import FeatureLinear
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.ops.check import check_count


class SGCEncoder(nn.Module):
    r"""The linear graph convolution of `"Simplifying Graph Convolutional Networks"
    <https://arxiv.org/abs/1902.07153>`_.

    .. math:: \mathbf{Z} = \hat{\mathbf{A}}^{k} (\mathbf{X} \mathbf{W} + \mathbf{b})

    Features are mapped before they are propagated, which is the cheaper order where embeddings are smaller than
    features; for one graph that does not change, :class:`~gnnclr.node.PropagatedMLP` with one layer propagates once.

    Args:
        in_channels (int): Size of the input features.
        out_channels (int): Size of the embeddings.
        hops (int, optional): The power :math:`k`. (default: ``2``)

    Shapes:
        - **input:** features :math:`(n, F_{in})`, dense or sparse CSR; edges :math:`(2, e)` and optional weights
          :math:`(e)`, or a sparse CSR adjacency matrix
        - **output:** embeddings :math:`(n, F_{out})`
    """

    def __init__(self, in_channels: int, out_channels: int, hops: int = 2):
        super().__init__()
        self.in_channels: int = check_count("in_channels", in_channels)
        self.out_channels: int = check_count("out_channels", out_channels)
        self.hops: int = check_count("hops", hops, least=0)
        self.linear: FeatureLinear = FeatureLinear(in_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The embeddings of all nodes."""
        x = encoder_input(x, self.in_channels, self.linear.weight)
        adjacency = as_adjacency(with_weights(edge_index, edge_weight), x.size(0))
        x = self.linear(x)
        for _ in range(self.hops):
            x = spmm(adjacency, x)
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, hops={self.hops})"
