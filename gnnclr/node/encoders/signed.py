"""An encoder over positive and negative edges."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gnnclr.nn import SignedMessagePassing
from gnnclr.node.encoders.encoder_input import encoder_edges, encoder_input
from gnnclr.node.encoders.mlp import FeatureLinear, drop_features
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.ops.check import check_count, check_probability
from gnnclr.ops.memo import TensorMemo


class SignedEncoder(nn.Module):
    r"""Layers of :class:`~gnnclr.nn.SignedMessagePassing` between two linear maps, in the style of `"Learning over
    Positive and Negative Edges with Contrastive Message Passing" <https://arxiv.org/abs/2605.17854>`_.

    .. math::
        \mathbf{H}^{(0)} = \sigma\big(\hat{\mathbf{A}}^{k} (\mathbf{X} \mathbf{W}_{in} + \mathbf{b})\big), \qquad
        \mathbf{H}^{(l + 1)} = \sigma\big(\mathrm{SMP}(\mathbf{H}^{(l)}, \mathcal{E}^{+}, \mathcal{E}^{-})\big),
        \qquad \mathbf{Z} = \mathbf{H}^{(L)} \mathbf{W}_{out} + \mathbf{b}

    with :math:`\sigma` the ReLU, dropout before each map, and :math:`\hat{\mathbf{A}}` the adjacency matrix of
    :class:`~gnnclr.node.SGCEncoder`: features propagate along the graph before they meet negative edges. With as many
    output channels as classes it is a classifier: what is added to its cross-entropy under ``constraint="penalty"`` is
    :meth:`penalty`. The stacking is ours: of the paper its abstract was at hand, and none of its equations.

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features of all layers.
        out_channels (int): Size of the embeddings, or number of classes.
        num_layers (int, optional): Number of rounds of signed message passing. (default: ``1``; two
            classified worse on the validation nodes of Cora)
        constraint (str, optional): That of :class:`~gnnclr.nn.SignedMessagePassing`. (default: ``"psd"``)
        dropout (float, optional): Probability of dropping each entry of the input of a layer. (default: ``0.5``)
        hops (int, optional): The power :math:`k`, the hops that features propagate first. (default: ``2``)

    Shapes:
        - **input:** features :math:`(n, F_{in})`, dense or sparse CSR; positive edges :math:`(2, e)`, and negative
          ones :math:`(2, e')`, or :obj:`None`, which is all absent edges
        - **output:** embeddings :math:`(n, F_{out})`
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 1,
        constraint: str | None = "psd",
        dropout: float = 0.5,
        hops: int = 2,
    ):
        super().__init__()
        self.in_channels: int = check_count("in_channels", in_channels)
        self.out_channels: int = check_count("out_channels", out_channels)
        self.dropout: float = check_probability("dropout", dropout)
        check_count("hidden_channels", hidden_channels)
        self.hops: int = check_count("hops", hops, least=0)
        self.first: FeatureLinear = FeatureLinear(in_channels, hidden_channels)
        self.convs: nn.ModuleList = nn.ModuleList(
            SignedMessagePassing(hidden_channels, hidden_channels, constraint)
            for _ in range(check_count("num_layers", num_layers))
        )
        self.last: nn.Linear = nn.Linear(hidden_channels, out_channels)
        self._adjacency = TensorMemo(as_adjacency)

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for module in (self.first, *self.convs, self.last):
            module.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, neg_edge_index: Tensor | None = None) -> Tensor:
        """The embeddings of all nodes.

        Args:
            x (Tensor): Features [n, in_channels].
            edge_index (Tensor): Positive edges [2, e].
            neg_edge_index (Tensor, optional): Negative edges [2, e'], such as those of
                :func:`~gnnclr.node.label_edges`. (default: ``None``, all absent edges)
        """
        x, edge_index = encoder_input(x, self.in_channels, self.first.weight), encoder_edges(edge_index)
        x = self.first(drop_features(x, self.dropout, self.training))
        if self.hops:
            adjacency = self._adjacency(edge_index, x.size(0))
            for _ in range(self.hops):
                x = spmm(adjacency, x)
        x = x.relu()
        for conv in self.convs:
            x = conv(F.dropout(x, self.dropout, self.training), edge_index, neg_edge_index).relu()
        return self.last(F.dropout(x, self.dropout, self.training))

    def penalty(self) -> Tensor:
        """How far the weights of all layers are from positive semidefinite; zero but for ``constraint="penalty"``."""
        return torch.stack([conv.penalty() for conv in self.convs]).sum()

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.convs[0].in_channels}, {self.out_channels}"
        rest = f"num_layers={len(self.convs)}, constraint={self.convs[0].constraint!r}, hops={self.hops}"
        return f"{type(self).__name__}({sizes}, {rest})"
