"""A multi-layer perceptron on each node."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.resolver import activation_resolver, normalization_resolver

from gnnclr.node.encoders.encoder_input import encoder_input, layer_sizes
from gnnclr.node.sparse.csr import spmm
from gnnclr.ops.check import check_count, check_probability


class FeatureLinear(nn.Linear):
    """A linear layer for features that are dense or sparse CSR.

    Args:
        in_features (int): Size of the input features.
        out_features (int): Size of the output features.
        bias (bool, optional): Whether a bias is added. (default: ``True``)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__(check_count("in_features", in_features), check_count("out_features", out_features), bias)

    def forward(self, x: Tensor) -> Tensor:
        """The product of ``x`` and the weights, dense."""
        if x.layout != torch.sparse_csr:
            return super().forward(x)
        y = spmm(x, self.weight.t())
        return y if self.bias is None else y + self.bias


def drop_features(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Dropout of the entries of features, dense or sparse CSR as they were.

    Args:
        x (Tensor): Features [n, d].
        p (float): Probability of dropping an entry.
        training (bool, optional): Whether to drop at all. (default: ``True``)
    """
    if x.layout != torch.sparse_csr:
        return F.dropout(x, p, training)
    if not training or p == 0:
        return x
    value, crow, col = F.dropout(x.values(), p), x.crow_indices(), x.col_indices()
    return torch.sparse_csr_tensor(crow, col, value, size=x.shape, check_invariants=False)


class MLPEncoder(nn.Module):
    r"""A multi-layer perceptron on the features of each node; edges are ignored.

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers.
        out_channels (int): Size of the embeddings.
        num_layers (int, optional): Number of linear layers. (default: ``2``)
        act (str or callable, optional): The activation between layers, by PyG's name for it. (default: ``"relu"``)
        dropout (float, optional): Probability of dropping each entry of a hidden layer. (default: ``0.0``)
        norm (str, optional): The normalization before each activation, by PyG's name for it. (default: ``None``)
        in_dropout (float, optional): Probability of dropping each entry of the features. (default: ``0.0``)

    Shapes:
        - **input:** features :math:`(n, F_{in})`, dense or sparse CSR
        - **output:** embeddings :math:`(n, F_{out})`
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        act: str = "relu",
        dropout: float = 0.0,
        norm: str | None = None,
        in_dropout: float = 0.0,
    ):
        super().__init__()
        sizes = layer_sizes(in_channels, hidden_channels, out_channels, num_layers)
        self.in_channels: int = in_channels
        self.out_channels: int = out_channels
        self.dropout: float = check_probability("dropout", dropout)
        self.in_dropout: float = check_probability("in_dropout", in_dropout)
        self.layers: nn.ModuleList = nn.ModuleList(FeatureLinear(a, b) for a, b in pairwise(sizes))
        self.norms: nn.ModuleList = nn.ModuleList(
            normalization_resolver(norm, size) or nn.Identity() for size in sizes[1:-1]
        )
        self.activations: nn.ModuleList = nn.ModuleList(activation_resolver(act) for _ in sizes[1:-1])

    def forward(self, x: Tensor, edge_index: Tensor | None = None) -> Tensor:
        """The embeddings of all nodes."""
        x = encoder_input(x, self.in_channels, self.layers[0].weight)
        x = drop_features(x, self.in_dropout, self.training)
        for layer, norm, activation in zip(self.layers, self.norms, self.activations):
            x = F.dropout(activation(norm(layer(x))), self.dropout, self.training)
        return self.layers[-1](x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_layers={len(self.layers)})"
