"""The base of methods for graphs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.graph.weighted_edges import WeightedEdges, edges_of, weight_attribute
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.datasets.unused_edge_weights import UnusedEdgeWeights
from gnnclr.node.encoders.encode import encode, weight_argument
from gnnclr.node.rewiring.fitted_rewiring import fitted_parts
from gnnclr.ops.check import describe
from gnnclr.ops.eval_mode import eval_mode


class NodeMethod(nn.Module):
    r"""Base class of methods that learn embeddings of the nodes of a graph.

    A subclass writes :meth:`training_step_loss`, and :meth:`forward` where embeddings are not the encoder's output.
    Encoders see features, edges, and the weights of edges: ``edge_weight`` of a graph, or ``edge_attr`` where that has
    one number for each edge. What the encoder does not take, a warning says once.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``: a :class:`~gnnclr.node.GCNEncoder`, a
            :class:`~gnnclr.node.PyGEncoder`, or any PyG model.

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    #: Whether a step uses the weights of edges whatever the encoder; a subclass that does says so.
    uses_edge_weights: ClassVar[bool] = False
    #: Whether something of each node of the training is part of the method, so that no other graph can be embedded.
    bound_to_nodes: ClassVar[bool] = False
    #: Whether a step is made of the whole graph, so that a subgraph cannot take its place.
    of_whole_graph: ClassVar[bool] = False
    #: Whether weight decay applies to vectors too, such as biases: the authors of these methods give all parameters to
    #: one optimizer.
    decays_vectors: ClassVar[bool] = True

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

    def encode(self, data: Data, encoder: nn.Module | None = None) -> Tensor:
        """The output of an encoder for a graph, by the weights of its edges if the encoder takes them. What is not
        used is said once, see :meth:`say_unused`.

        Args:
            data (Data): The graph, or a view of it.
            encoder (torch.nn.Module, optional): The encoder. (default: ``self.encoder``)
        """
        encoder, edges = self.encoder if encoder is None else encoder, edges_of(data)
        used = self.uses_edge_weights or (isinstance(edges, WeightedEdges) and weight_argument(encoder) is not None)
        self.say_unused(data, used)
        return encode(encoder, data.x, edges)

    def say_unused(self, data: Data, used: bool) -> None:
        """Warns, once for the method and all copies of it, of weights and attributes of edges that are not used.

        Args:
            data (Data): The graph.
            used (bool): Whether its weights are.
        """
        self._unused.warn(type(self).__name__, data, weight_attribute(data) if used else None)

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
        data = check_node_data(data)
        with eval_mode(self):
            return self(data)

    if TYPE_CHECKING:  # torch says that any module returns anything

        def __call__(self, data: Data) -> Tensor:
            """The embeddings of all nodes [n, d]."""
            ...

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes [n, d], differentiable and in the current mode."""
        return self.encode(check_node_data(data))


def check_two_views(views: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
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
