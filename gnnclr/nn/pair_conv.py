"""The base of contrastive layers: an update over pairs, with an energy."""

from collections.abc import Callable
from copy import copy
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from gnnclr.graph import ContrastGraph
from gnnclr.nn.bridge import bridge
from gnnclr.nn.kernel_messages import kernel_messages
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_constant, check_matrix, check_positive, check_values, describe, number_of
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.tiles import slices
from gnnclr.ops.value_only import set_value_only

#: Numbers that edges carry at a time: more would not fit the cache, and neighbors as positives are many edges.
NUMBERS_AT_ONCE = 1 << 22


def edges_at_once(z: Tensor) -> int:
    """The number of edges whose embeddings are gathered at a time, no fewer than there are nodes to receive them."""
    return max(1, z.size(0), NUMBERS_AT_ONCE // z.size(1))


class PairConv(MessagePassing):
    r"""Base class of contrastive layers. A subclass writes :meth:`step`, and inherits

    - ``conv(z, graph)``: the message :math:`\mathbf{m} = -\partial E / \partial \mathbf{z}`, in the dtype of ``z``;
    - ``conv.energy(z, graph)``: the energy :math:`E`, whose backward pass is minus the message;
    - :meth:`messages_both_ways`: message passing along explicit pairs, in both directions.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``1.0``)
    """

    #: The kernel of a pair; ``None`` is the dot product.
    kernel: PairKernel | None = None
    #: Whether a batch of views needs no graph: the energy is what :func:`gnnclr.ops.contrast_views` computes of them.
    plain: bool = False
    #: Whether the energy is a mean of energies of anchors, which ``graph.anchor_weight`` may weigh.
    per_anchor: bool = False

    def __init__(self, temperature: float | nn.Parameter = 1.0):
        super().__init__(aggr="sum")
        self.temperature: float | Tensor = check_positive("temperature", temperature, learnable=True)

    def _set_jittable_templates(self, raise_on_error: bool = False) -> None:
        """Writes no code. PyG would write and import a module for each class of layer as its first one is made: 60 ms
        each, to spare 0.02 ms of a round of messages. Layers of losses send once a step, and most never do."""

    @property
    def _tau(self) -> float:
        """The temperature as a number, also where it is learned."""
        return float(number_of(self.temperature))

    def at(self, **settings: float | Tensor) -> "PairConv":
        """This layer and its parts with other settings, such as a ``temperature``: numbers, or scalar tensors with a
        history. All else is shared, parameters too."""
        layer = copy(self)
        layer._parameters = {name: value for name, value in self._parameters.items() if name not in settings}
        layer._modules = {
            name: part.at(**settings) if isinstance(part, PairConv) else part for name, part in self._modules.items()
        }
        vars(layer).update({name: value for name, value in settings.items() if hasattr(self, name)})
        return layer

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round; ``z`` is float32 or float64, and no gradient is recorded. Where
        :func:`gnnclr.ops.value_only.value_only` says so, the message may be left out."""
        raise NotImplementedError

    def shares(self, graph: ContrastGraph) -> bool:
        """Whether several processes can share the nodes of a graph: with ``graph.own_rows`` the energy is that of all
        anchors, the message that of own nodes, whatever it says of others, and the mean over processes of a gradient
        by what is learned is that gradient."""
        return False

    if TYPE_CHECKING:  # torch says that any module returns anything

        def __call__(self, z: Tensor, graph: ContrastGraph) -> Tensor:
            """The message of one round."""
            ...

    def forward(self, z: Tensor, graph: ContrastGraph) -> Tensor:
        """The message of one round."""
        return self._step(z, graph, wanted=True).message.to(z.dtype)

    def energy(self, z: Tensor, graph: ContrastGraph) -> Tensor:
        """The energy of ``z`` on the graph, a differentiable scalar."""
        weight = graph.anchor_weight if isinstance(graph, ContrastGraph) else None
        weighs = isinstance(weight, Tensor) and weight.requires_grad and torch.is_grad_enabled()
        if weighs and graph.reduction != "sum":
            check_constant("graph.anchor_weight", weight)
        return bridge(z, self._step(z, graph, wanted=self._learns(z), weighs=weighs))

    def learned(self) -> list[Tensor]:
        """What the energy is differentiable by, beside embeddings and weights of anchors: parameters, and temperatures
        and the like that are tensors with a history."""
        held = (value for module in self.modules() for value in vars(module).values())
        found = {id(x): x for x in chain(self.parameters(), held) if isinstance(x, Tensor) and x.requires_grad}
        return list(found.values())

    def _learns(self, z: Tensor) -> bool:
        """Whether anything but weights of anchors wants a gradient of the energy."""
        return torch.is_grad_enabled() and (z.requires_grad or bool(self.learned()))

    def _step(self, z: Tensor, graph: ContrastGraph, wanted: bool, weighs: bool = False) -> Update:
        if not isinstance(graph, ContrastGraph):
            raise ValueError(f"'graph' must be a ContrastGraph (got {describe(graph)})")
        check_values("z", check_matrix("z", z, rows=graph.num_nodes))
        graph.admit(z)
        if graph.anchor_weight is not None or graph.reduction is not None:
            self._check_per_anchor(graph)
        check_positive("temperature", self.temperature, learnable=True)
        if torch.is_inference_mode_enabled():  # where layers that differentiate inside could not
            with torch.inference_mode(False):
                return self._step(z.clone(), graph, wanted)
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            x = z.detach().to(torch.promote_types(z.dtype, torch.float32))
            by_weight = self._by_anchor_weight(x, graph) if weighs else None
            if by_weight is not None and not wanted:
                return by_weight
            with set_value_only(not wanted):
                update = self.step(x, graph)
            if by_weight is not None:
                update.gradients += by_weight.gradients
            if update.energy is None and update.message is None:  # it trains by its message alone
                with set_value_only(False):
                    update = self.step(x, graph)
            return update

    def _by_anchor_weight(self, z: Tensor, graph: ContrastGraph) -> Update:
        """The energy, with its gradient by the weights of anchors alone. As a sum it is linear in them, so the gradient
        is that at equal weights: given scores and log-partitions, the energy is a function of few numbers, which
        autograd differentiates for every layer."""
        part, weight = copy(graph), graph.anchor_weight
        part.anchor_weight = ones = torch.ones_like(weight, requires_grad=True)
        with torch.enable_grad(), set_value_only(True):
            energy = self.step(z, part).energy
            by = torch.autograd.grad(energy, ones)[0] if energy.requires_grad else torch.zeros_like(ones)
        return Update((weight.detach() * by).sum(), None, [(weight, by)])

    def _check_per_anchor(self, graph: ContrastGraph) -> None:
        if not self.per_anchor:
            name = "reduction" if graph.anchor_weight is None else "anchor_weight"
            raise ValueError(
                f"'graph.{name}' must be absent for {type(self).__name__}, whose energy is no mean of energies of "
                f"anchors (got {describe(graph[name])})"
            )

    def pair_scores(self, z: Tensor, graph: ContrastGraph, edge_index: Tensor) -> tuple[Tensor, Tensor | None]:
        r"""The kernel of explicit pairs over the temperature [e], and its slope (``None`` for the dot product)."""
        compare = torch.linalg.vecdot if self.kernel is None else self.kernel.rows
        x = self.compare_rows(compare, z, self.candidates(z, graph), edge_index)
        if self.kernel is None:
            return x.div_(self._tau), None
        value, slope = self.kernel.evaluate(x)
        return value / self._tau, slope

    @staticmethod
    def compare_rows(
        compare: Callable[[Tensor, Tensor], Tensor], z: Tensor, nodes: Tensor, edge_index: Tensor
    ) -> Tensor:
        """A function of the rows of each pair's target and source [..., e], for so many pairs at a time as fit."""
        source, target = edge_index
        parts = [
            # index_select is several times faster than an index here.
            compare(z.index_select(0, target[part]), nodes.index_select(0, source[part]))
            for part in list(slices(source.numel(), edges_at_once(z))) or [slice(0)]
        ]
        return torch.cat(parts, dim=-1)

    def messages_both_ways(
        self, z: Tensor, graph: ContrastGraph, edge_index: Tensor, weight: Tensor, slope: Tensor | None = None
    ) -> Tensor:
        r"""Messages along explicit pairs, from source to target and back: for the dot product
        :math:`\mathbf{m}_t \mathrel{+}= w \mathbf{z}_s` and :math:`\mathbf{m}_s \mathrel{+}= w \mathbf{z}_t`, for
        another kernel its gradients by both ends, times :math:`w`.

        Rows of the bank send and do not receive.

        Args:
            z (Tensor): Embeddings [n, d].
            graph (ContrastGraph): The graph, for its bank.
            edge_index (Tensor): Sources and targets [2, e].
            weight (Tensor): The weight of each pair [e].
            slope (Tensor, optional): The slopes of the layer's kernel at the pairs, where it has one.
        """
        n = z.size(0)
        nodes = self.candidates(z, graph)
        inside = edge_index[0] < n if nodes is not z else slice(None)
        if self.kernel is not None:
            weight = weight * slope
        edge_index = torch.cat([edge_index, edge_index[:, inside].flip(0)], dim=1)
        weight = torch.cat([weight, weight[..., inside]], dim=-1)
        send = self._send if self.kernel is None else partial(kernel_messages(), self.kernel)
        out = torch.zeros_like(z)
        for part in slices(edge_index.size(1), edges_at_once(z)):
            out += send(z, nodes, edge_index[:, part], weight[..., part])
        return out

    def _send(self, z: Tensor, nodes: Tensor, edge_index: Tensor, weight: Tensor) -> Tensor:
        """Messages of the dot product from sources to targets."""
        # propagate_type: (x: Tensor, edge_weight: Tensor)
        return self.propagate(edge_index, x=(nodes, z), edge_weight=weight, size=(nodes.size(0), z.size(0)))

    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        """The message of one pair."""
        # In place: propagate gathered it for us alone.
        return x_j.mul_(edge_weight.view(-1, 1))

    @staticmethod
    def candidates(z: Tensor, graph: ContrastGraph) -> Tensor:
        """Nodes followed by the rows of the bank: the rows that sources of edges index."""
        return z if graph.bank is None else torch.cat([z, graph.bank.rows.to(z)])

    def extra_repr(self) -> str:
        """The temperature, and the kernel where it is not the dot product."""
        kernel = "" if self.kernel is None else f", kernel={self.kernel!r}"
        return f"temperature={self._tau:g}{kernel}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"
