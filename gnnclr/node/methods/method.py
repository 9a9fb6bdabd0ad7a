"""The base of methods for graphs."""

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.datasets.unused_edge_weights import UnusedEdgeWeights
from gnnclr.node.rewiring.fitted_rewiring import fitted_parts
from gnnclr.ops.check import describe
from gnnclr.ops.eval_mode import eval_mode


class NodeMethod(nn.Module):
    r"""Base class of methods that learn embeddings of the nodes of a graph.

    A subclass writes :meth:`training_step_loss`, and :meth:`forward` where embeddings are not the encoder's output.
    Encoders see features and edges: ``edge_weight`` and ``edge_attr`` of a graph are ignored, which a warning says.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``: a :class:`~gnnclr.node.GCNEncoder`, a
            :class:`~gnnclr.node.PyGEncoder`, or any PyG model.

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    #: Whether weights and attributes of edges count; a subclass that uses them says so.
    uses_edge_weights: ClassVar[bool] = False
    #: Whether a step is made of the whole graph, so that a subgraph cannot take its place.
    of_whole_graph: ClassVar[bool] = False

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        self._unused = UnusedEdgeWeights()

    @property
    def chunk_size(self) -> int | None:
        """Nodes that the encoder takes at once: ``None``, which is all. A method whose encoder looks at each node alone
        may have another, as :class:`~gnnclr.node.Decoupled` has."""
        return None

    @chunk_size.setter
    def chunk_size(self, value: int | None) -> None:
        if value is not None:
            reason = f"for {type(self).__name__}, in which nodes are embedded by their neighbors"
            raise ValueError(f"'chunk_size' must be None {reason} (got {describe(value)})")

    def ignore_edge_weights(self, data: Any) -> Any:
        """Returns the graph as it is, and warns once if it has weights or attributes of edges and the method does not
        use them. A subclass calls it with its graph and with the views that it makes.

        Args:
            data (Data): The graph.
        """
        if not self.uses_edge_weights:
            self._unused.warn(type(self).__name__, data)
        return data

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of one step on the graph, and detached scalars to log."""
        raise NotImplementedError

    def start_epoch(self, epoch: int) -> None:
        """Prepares an epoch: tells a rewiring, where the method has one, which epoch begins."""
        for part in fitted_parts(getattr(self, "rewire", None)):
            part.start_epoch(epoch)

    def after_optimizer_step(self) -> None:
        """Follows each step of the optimizer, for example with the update of a target encoder; does nothing here."""

    @torch.no_grad()
    def embed(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d] on the whole graph, in evaluation mode."""
        data = self.ignore_edge_weights(check_node_data(data))
        with eval_mode(self):
            return self(data)

    if TYPE_CHECKING:  # torch says that any module returns anything

        def __call__(self, data: Data) -> Tensor:
            """The embeddings of all nodes [n, d]."""
            ...

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d], differentiable and in the current mode."""
        data = check_node_data(data)
        return self.encoder(data.x, data.edge_index)


def check_two_views(views: Any) -> tuple[Any, Any]:
    """Returns ``views`` as a tuple if they are two transforms, and raises a :class:`ValueError` otherwise."""
    if not isinstance(views, (tuple, list)) or len(views) != 2 or not all(map(callable, views)):
        raise ValueError(f"'views' must be two transforms (got {describe(views)})")
    return views[0], views[1]


def width(encoder: nn.Module, wanted_by: str) -> int:
    """The size of an encoder's embeddings, for the part that is made when none is given.

    Args:
        encoder (torch.nn.Module): The encoder.
        wanted_by (str): The argument to give instead, for the message.
    """
    size = getattr(encoder, "out_channels", None)
    if not isinstance(size, int):
        raise ValueError(f"'{wanted_by}' must be given for an encoder without 'out_channels' (got {describe(encoder)})")
    return size
