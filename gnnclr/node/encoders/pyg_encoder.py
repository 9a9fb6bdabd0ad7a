"""The models of PyG as encoders."""

from copy import deepcopy
from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import GAT, GCN, GIN, PNA, EdgeCNN, GraphSAGE
from torch_geometric.nn.models.basic_gnn import BasicGNN

from gnnclr.graph.weighted_edges import with_weights
from gnnclr.nn import ContraNorm
from gnnclr.node.encoders.encode import check_takes_weights, encode, weight_argument
from gnnclr.node.encoders.encoder_input import encoder_edges, encoder_input, layer_sizes
from gnnclr.ops.check import check_choice, check_count, check_probability

MODELS: dict[str, type[BasicGNN]] = {
    "gcn": GCN,
    "gat": GAT,
    "sage": GraphSAGE,
    "gin": GIN,
    "pna": PNA,
    "edge_cnn": EdgeCNN,
}


class PyGEncoder(nn.Module):
    r"""A model of :mod:`torch_geometric.nn` by name: with attention, other aggregations, or jumping knowledge.

    These send messages by gather and scatter; on a CPU :class:`~gnnclr.node.GCNEncoder` is several times faster than
    ``"gcn"``. Sparse features are made dense.

    Args:
        name (str): ``"gcn"``, ``"gat"``, ``"sage"``, ``"gin"``, ``"pna"`` or ``"edge_cnn"``.
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers.
        out_channels (int): Size of the embeddings.
        num_layers (int, optional): Number of convolutions. (default: ``2``)
        jk (str, optional): Jumping knowledge of `"Representation Learning on Graphs with Jumping Knowledge Networks"
            <https://arxiv.org/abs/1806.03536>`_: ``"last"``, ``"cat"``, ``"max"`` or ``"lstm"`` over the outputs of the
            layers, then a linear map. (default: ``None``)
        act (str or callable, optional): The activation, by PyG's name for it. (default: ``"relu"``)
        norm (str or torch.nn.Module, optional): The normalization before each activation, by PyG's name for it, or a
            module that is copied for each layer. A :class:`~gnnclr.nn.ContraNorm` is given the edges too, so that
            neighbors do not repel. (default: ``None``)
        dropout (float, optional): Probability of dropping each feature between layers. (default: ``0.0``)
        **kwargs (optional): Further settings of the model, such as ``heads``. Weights of edges are taken by ``"gcn"``,
            and by ``"gat"`` and ``"pna"`` with ``edge_dim=1``.

    Shapes:
        - **input:** features :math:`(n, F_{in})`, edges :math:`(2, e)`, and where the model takes them weights
          :math:`(e)`
        - **output:** embeddings :math:`(n, F_{out})`
    """

    def __init__(
        self,
        name: str,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        jk: str | None = None,
        act: str = "relu",
        norm: str | nn.Module | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__()
        model = MODELS[check_choice("name", name, tuple(MODELS))]
        if in_channels != -1:  # which PyG finds out
            check_count("in_channels", in_channels)
        layer_sizes(1, hidden_channels, out_channels, num_layers)
        check_probability("dropout", dropout)
        self.in_channels: int = in_channels
        self.out_channels: int = out_channels
        by_edges = isinstance(norm, ContraNorm)
        kwargs |= {"jk": jk, "act": act, "norm": None if by_edges else norm, "dropout": dropout}
        self.model: BasicGNN = model(in_channels, hidden_channels, num_layers, out_channels, **kwargs)
        if by_edges:
            convs = self.model.convs
            for i in range(len(convs) - (jk is None)):  # after the last layer only where others follow it
                convs[i] = _NormalizedConv(convs[i], deepcopy(norm))

    @property
    def takes_edge_weights(self) -> bool:
        """Whether the model takes weights of edges."""
        return weight_argument(self.model) is not None

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """The embeddings of all nodes."""
        x = encoder_input(x.to_dense(), self.in_channels, next(self.parameters()))
        edges = with_weights(encoder_edges(edge_index), check_takes_weights(self, edge_weight))
        return encode(self.model, x, edges)


class _NormalizedConv(nn.Module):
    """A layer, and a normalization that sees its edges."""

    def __init__(self, conv: nn.Module, norm: ContraNorm):
        super().__init__()
        self.conv, self.norm = conv, norm

    def reset_parameters(self) -> None:
        for part in (self.conv, self.norm):
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, **kwargs: Any) -> Tensor:
        return self.norm(self.conv(x, edge_index, **kwargs), edge_index)
