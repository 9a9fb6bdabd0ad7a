"""Graph attention whose layers all concatenate their heads."""

from functools import partial
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GATConv
from torch_geometric.nn.resolver import activation_resolver

from gnnclr.graph.weighted_edges import with_weights
from gnnclr.node.encoders.checkpointed import Checkpointed
from gnnclr.node.encoders.encode import check_takes_weights, encode
from gnnclr.node.encoders.encoder_input import encoder_edges, encoder_input, layer_sizes
from gnnclr.node.sparse.node_blocks import InEdges, activate
from gnnclr.ops.check import check_count, check_probability


class GATEncoder(nn.Module):
    r"""The encoder and decoder of `"GraphMAE: Self-Supervised Masked Graph Autoencoders"
    <https://arxiv.org/abs/2205.10803>`_: layers of `"Graph Attention Networks" <https://arxiv.org/abs/1710.10903>`_.

    All layers concatenate their heads, which share the width of the layer, where ``PyGEncoder("gat", ...)`` averages
    heads of full width in the last one; features are dropped before each layer; an activation may follow the last.

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers, a multiple of ``heads``.
        out_channels (int): Size of the embeddings, a multiple of ``heads``.
        num_layers (int, optional): Number of convolutions. (default: ``2``)
        heads (int, optional): Number of heads of each layer. (default: ``4``)
        act (str, optional): The activation, by PyG's name for it. (default: ``"prelu"``)
        dropout (float, optional): Probability of dropping each feature before a layer. (default: ``0.2``)
        attention_dropout (float, optional): Probability of dropping a coefficient of attention. (default: ``0.1``)
        act_last (bool, optional): Whether an activation follows the last convolution. (default: ``True``)
        edge_dim (int, optional): ``1`` for attention that sees the weights of edges too, by a learned vector of each
            head. (default: ``None``, edges have no weights)

    Shapes:
        - **input:** features :math:`(n, F_{in})`, sparse ones are made dense, edges :math:`(2, e)`, and optional
          weights :math:`(e)` with ``edge_dim``
        - **output:** embeddings :math:`(n, F_{out})`
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        heads: int = 4,
        act: str = "prelu",
        dropout: float = 0.2,
        attention_dropout: float = 0.1,
        act_last: bool = True,
        edge_dim: int | None = None,
    ):
        super().__init__()
        sizes = layer_sizes(in_channels, hidden_channels, out_channels, num_layers)
        check_count("heads", heads)
        self.in_channels: int = in_channels
        self.out_channels: int = out_channels
        self.dropout: float = check_probability("dropout", dropout)
        check_probability("attention_dropout", attention_dropout)
        for size in sizes[1:]:
            if size % heads:
                name = "out_channels" if size == out_channels else "hidden_channels"
                raise ValueError(f"'{name}' must be a multiple of 'heads', {heads} (got {size})")
        self.edge_dim: int | None = check_count("edge_dim", edge_dim, most=1, optional=True)
        options = {"dropout": attention_dropout, "edge_dim": edge_dim}
        self.convs: nn.ModuleList = nn.ModuleList(GATConv(a, b // heads, heads, **options) for a, b in pairwise(sizes))
        self.activations: nn.ModuleList = nn.ModuleList(activation_resolver(act) for _ in sizes[1 if act_last else 2 :])

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for module in (*self.convs, *self.activations):
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The embeddings of all nodes."""
        x = encoder_input(x.to_dense(), self.in_channels, next(self.parameters()))
        edges = with_weights(encoder_edges(edge_index), check_takes_weights(self, edge_weight))
        for i, conv in enumerate(self.convs):
            x = encode(conv, F.dropout(x, self.dropout, self.training), edges)
            if i < len(self.activations):
                x = self.activations[i](x)
        return x

    def layer_wise(self, x: Tensor, edge_index: Tensor, batch_size: int, edge_weight: Tensor | None = None) -> Tensor:
        """The same layer by layer, block by block of nodes, see :func:`~gnnclr.node.layer_wise_embed`.

        Args:
            x (Tensor): Features [n, in_channels].
            edge_index (Tensor): Edges [2, e].
            batch_size (int): Nodes of a block.
            edge_weight (Tensor, optional): Weights [e], with ``edge_dim``. (default: ``None``)
        """
        x = encoder_input(x.to_dense(), self.in_channels, next(self.parameters()))
        edges = InEdges(with_weights(edge_index, check_takes_weights(self, edge_weight)), x.size(0))
        for i, conv in enumerate(self.convs):
            conv = conv.encoder if isinstance(conv, Checkpointed) else conv
            x = edges.convolve(partial(encode, conv), x, batch_size)
            if i < len(self.activations):
                x = activate(self.activations[i], x, batch_size)
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_layers={len(self.convs)})"
