"""Graph convolutions as products with a sparse matrix."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import glorot, zeros
from torch_geometric.nn.resolver import activation_resolver, normalization_resolver

from gnnclr.graph.weighted_edges import with_weights
from gnnclr.node.encoders.encoder_input import encoder_input, layer_sizes
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.node.sparse.csr_rows import select_rows
from gnnclr.node.sparse.node_blocks import activate, are_shared, map_blocks
from gnnclr.ops.check import check_count
from gnnclr.ops.memo import TensorMemo


class GCNLayer(nn.Module):
    r"""The graph convolution of `"Semi-Supervised Classification with Graph Convolutional Networks"
    <https://arxiv.org/abs/1609.02907>`_ on a ready-made adjacency matrix.

    .. math:: \hat{\mathbf{A}} \mathbf{X} \mathbf{W} + \mathbf{b}

    The products are taken in the cheaper order. It equals :class:`torch_geometric.nn.GCNConv`, and is several times
    faster on a CPU, where gathering and scattering messages costs more than all else.

    Args:
        in_channels (int): Size of the input features.
        out_channels (int): Size of the output features.

    Shapes:
        - **input:** dense or sparse CSR :math:`(n, F_{in})`, sparse CSR adjacency :math:`(n, n)`
        - **output:** :math:`(n, F_{out})`
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.in_channels: int = check_count("in_channels", in_channels)
        self.out_channels: int = check_count("out_channels", out_channels)
        self.weight: nn.Parameter = nn.Parameter(torch.empty(in_channels, out_channels))
        self.bias: nn.Parameter = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        glorot(self.weight)
        zeros(self.bias)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """The convolution of ``x``."""
        if x.layout == torch.sparse_csr:
            return spmm(adjacency, spmm(x, self.weight)) + self.bias
        if self.in_channels < self.out_channels:
            return spmm(adjacency, x) @ self.weight + self.bias
        return spmm(adjacency, x @ self.weight) + self.bias

    def in_blocks(self, x: Tensor, adjacency: Tensor, batch_size: int, before: bool) -> Tensor:
        """The convolution, block by block of nodes.

        Args:
            x (Tensor): Dense or sparse CSR [n, in_channels].
            adjacency (Tensor): Sparse CSR [n, n].
            batch_size (int): Nodes of a block.
            before (bool): Whether features are mapped before they are sent.
        """
        if before:
            x = spmm(x, self.weight) if x.layout == torch.sparse_csr else x @ self.weight

        def block(rows: Tensor) -> Tensor:
            h = spmm(select_rows(adjacency, rows), x)
            return (h if before else h @ self.weight) + self.bias

        return map_blocks(block, x.size(0), batch_size, x.device)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels})"


class GCNEncoder(nn.Module):
    r"""A stack of graph convolutions, each followed by an activation, as in `"Deep Graph Contrastive Representation
    Learning" <https://arxiv.org/abs/2006.04131>`_.

    The adjacency matrix of a graph is made once, and again only if other edges come.

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers.
        out_channels (int): Size of the embeddings.
        num_layers (int, optional): Number of convolutions. (default: ``2``)
        act (str or callable, optional): The activation, by PyG's name for it. (default: ``"relu"``)
        norm (str, optional): The normalization before each activation, by PyG's name for it. (default: ``None``)
        act_last (bool, optional): Whether normalization and activation follow the last convolution too.
            (default: ``True``)

    Shapes:
        - **input:** features :math:`(n, F_{in})`, dense or sparse CSR; edges :math:`(2, e)` and optional weights
          :math:`(e)`, or a sparse CSR adjacency matrix :math:`(n, n)` from
          :func:`~gnnclr.node.normalized_adjacency`, which is used as it is
        - **output:** embeddings :math:`(n, F_{out})`
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        act: str = "relu",
        norm: str | None = None,
        act_last: bool = True,
    ):
        super().__init__()
        sizes = layer_sizes(in_channels, hidden_channels, out_channels, num_layers)
        self.in_channels: int = in_channels
        self.out_channels: int = out_channels
        self.layers: nn.ModuleList = nn.ModuleList(GCNLayer(a, b) for a, b in pairwise(sizes))
        after = sizes[1:] if act_last else sizes[1:-1]
        self.norms: nn.ModuleList = nn.ModuleList(normalization_resolver(norm, size) or nn.Identity() for size in after)
        self.activations: nn.ModuleList = nn.ModuleList(activation_resolver(act) for _ in after)
        self._adjacency = TensorMemo(as_adjacency)

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for module in (*self.layers, *self.norms, *self.activations):
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The embeddings of all nodes."""
        x = encoder_input(x, self.in_channels, self.layers[0].weight)
        adjacency = self._adjacency(with_weights(edge_index, edge_weight), x.size(0))
        for i, layer in enumerate(self.layers):
            x = layer(x, adjacency)
            if i < len(self.activations):
                x = self.activations[i](self.norms[i](x))
        return x

    def layer_wise(self, x: Tensor, edge_index: Tensor, batch_size: int, edge_weight: Tensor | None = None) -> Tensor:
        """The same layer by layer, block by block of nodes, see :func:`~gnnclr.node.layer_wise_embed`.

        Args:
            x (Tensor): Features [n, in_channels].
            edge_index (Tensor): Edges [2, e], or a sparse CSR adjacency matrix.
            batch_size (int): Nodes of a block.
            edge_weight (Tensor, optional): Weights [e]. (default: ``None``, all 1)
        """
        x = encoder_input(x, self.in_channels, self.layers[0].weight)
        adjacency = as_adjacency(with_weights(edge_index, edge_weight), x.size(0))
        for i, layer in enumerate(self.layers):
            # Narrow features are cheaper to send, but in later layers they would be a third matrix of all nodes; and
            # each of several processes would map those of all.
            narrow = i == 0 and layer.in_channels >= layer.out_channels and not are_shared()
            before = x.layout == torch.sparse_csr or narrow
            x = layer.in_blocks(x, adjacency, batch_size, before)
            if i < len(self.activations):
                x = activate(self.activations[i], self.norms[i](x), batch_size)
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_layers={len(self.layers)})"
