"""Rounds of a contrastive layer on free points of the sphere."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gnnclr.dynamics.measures import Measure, sphere_measures
from gnnclr.dynamics.trajectory import Trajectory
from gnnclr.graph import ContrastGraph
from gnnclr.nn import PairConv, Update
from gnnclr.ops.check import check_count, check_matrix, check_number, check_positive, describe
from gnnclr.ops.unit_rows import unit_rows

Layer = Callable[[Tensor, ContrastGraph], Tensor]


@torch.no_grad()
def simulate(
    conv: Layer,
    graph: ContrastGraph,
    z: Tensor | None = None,
    *,
    rounds: int = 100,
    step_size: float = 0.1,
    record_every: int = 1,
    parts: Mapping[str, Layer] | None = None,
    measures: Mapping[str, Measure] | None = None,
    positions: bool = False,
    retract: bool = True,
    tolerance: float | None = None,
) -> Trajectory:
    r"""Runs rounds of a layer on embeddings that no encoder ties together, the learning dynamics of `"A Message Passing
    Perspective on Learning Dynamics of Contrastive Learning" <https://arxiv.org/abs/2303.04435>`_.

    With :math:`\mathbf{m}_i` the message to point :math:`i`, every round takes the part of it that is tangent to the
    sphere, steps, and returns to the sphere:

    .. math::
        \mathbf{t}_i = n \left( \mathbf{m}_i - (\mathbf{m}_i^\top \mathbf{z}_i)\, \mathbf{z}_i \right), \qquad
        \mathbf{z}_i \leftarrow \frac{\mathbf{z}_i + \eta\, \mathbf{t}_i}{\|\mathbf{z}_i + \eta\, \mathbf{t}_i\|}

    Energies are means over anchors, so that messages shrink as :math:`1/n`; the factor :math:`n`, the number of nodes,
    makes a step mean the same for graphs of any size. The energy falls in every round while :math:`\eta` is small
    enough, for softmax layers of temperature :math:`\tau` up to about :math:`\tau^2 / 4`; larger steps often still
    reach the same minimum, sooner.

    Args:
        conv (callable): The layer, ``conv(z, graph)`` the message. Its energy is recorded if it is a
            :class:`~gnnclr.nn.PairConv` that descends one, or has a method ``energy(z, graph)``.
        graph (ContrastGraph): The graph.
        z (Tensor, optional): Where the points start. (default: ``graph.x``)
        rounds (int, optional): Number of rounds. (default: ``100``)
        step_size (float, optional): The step :math:`\eta`. (default: ``0.1``)
        record_every (int, optional): Rounds between two records. (default: ``1``)
        parts (mapping, optional): Further layers by name, whose energies are recorded: such as the alignment and the
            uniformity of a layer that joins them. (default: none)
        measures (mapping, optional): Functions of the embeddings by name. (default:
            :func:`~gnnclr.dynamics.sphere_measures` of the graph)
        positions (bool, optional): Keep the embeddings of each record. (default: ``False``)
        retract (bool, optional): Stay on the sphere. Otherwise points move freely,
            :math:`\mathbf{z} \leftarrow \mathbf{z} + \eta n \mathbf{m}`, and start where they are.
            (default: ``True``)
        tolerance (float, optional): Stop once no point moves farther than this in a round. (default: ``None``, never)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, a graph of :math:`n` nodes
        - **output:** a :class:`~gnnclr.dynamics.Trajectory`, in float64 if ``z`` is and in float32 otherwise

    Raises:
        ValueError: If an argument has the wrong type, shape or range, or if points fly off to infinity.
    """
    z = _start(graph, z)
    rounds, record_every = check_count("rounds", rounds), check_count("record_every", record_every)
    step_size = float(check_positive("step_size", step_size))
    check_number("tolerance", tolerance, least=0, optional=True)
    measures = sphere_measures(graph) if measures is None else measures
    records = _Records(graph, dict(parts or {}), dict(measures), positions)
    z, converged = unit_rows(z) if retract else z.clone(), False
    for index in range(rounds + 1):
        update = _update(conv, z, graph)
        move = update.message.to(z) * (step_size * z.size(0))
        if retract:
            move -= (move * z).sum(dim=1, keepdim=True) * z
        length = float(move.norm(dim=1).max()) if z.size(0) else 0.0
        if not math.isfinite(length):
            raise ValueError(f"'step_size' must keep the points finite (got {step_size:g}; round {index} does not)")
        converged = tolerance is not None and length <= tolerance
        last = converged or index == rounds
        if last or index % record_every == 0:
            records.add(index, z, update)
        if last:
            break
        z = unit_rows(z + move) if retract else z + move
    return records.trajectory(z, converged)


class _Records:
    """The rounds of a simulation that are kept, column by column."""

    def __init__(
        self, graph: ContrastGraph, parts: dict[str, Layer], measures: dict[str, Measure], positions: bool
    ) -> None:
        self.graph, self.parts, self.measures, self.positions = graph, parts, measures, positions
        self.rounds, self.energies, self.history = [], [], []
        self.of_parts, self.of_measures = {name: [] for name in parts}, {name: [] for name in measures}

    def add(self, index: int, z: Tensor, update: Update) -> None:
        """Keeps a round."""
        self.rounds.append(index)
        self.energies.append(_number(update.energy))
        for name, part in self.parts.items():
            self.of_parts[name].append(_number(_update(part, z, self.graph).energy))
        for name, measure in self.measures.items():
            self.of_measures[name].append(_number(measure(z)))
        if self.positions:
            self.history.append(z.clone())

    def trajectory(self, z: Tensor, converged: bool) -> Trajectory:
        """The rounds as tensors."""
        return Trajectory(
            z=z,
            round=torch.tensor(self.rounds),
            energy=torch.tensor(self.energies, dtype=torch.float64),
            parts={name: torch.tensor(values, dtype=torch.float64) for name, values in self.of_parts.items()},
            measures={name: torch.tensor(values, dtype=torch.float64) for name, values in self.of_measures.items()},
            positions=torch.stack(self.history) if self.positions else None,
            converged=converged,
        )


def _start(graph: ContrastGraph, z: Tensor | None) -> Tensor:
    if not isinstance(graph, ContrastGraph):
        raise ValueError(f"'graph' must be a ContrastGraph (got {describe(graph)})")
    if z is None and graph.x is None:
        raise ValueError("'z' must be given for a graph without embeddings (got None)")
    z = graph.x if z is None else z
    check_matrix("z", z, finite=True, rows=graph.num_nodes)
    graph.admit(z)
    return z.detach().to(torch.promote_types(z.dtype, torch.float32))


def _update(conv: Layer, z: Tensor, graph: ContrastGraph) -> Update:
    if isinstance(conv, PairConv):
        return conv.step(z, graph)  # energy and message at once
    energy = getattr(conv, "energy", None)
    return Update(None if energy is None else energy(z, graph), conv(z, graph))


def _number(value: Tensor | float | None) -> float:
    return math.nan if value is None else float(value)
