"""The record of a simulation."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Trajectory:
    r"""The rounds of :func:`~gnnclr.dynamics.simulate` that were recorded, the first and the last among them.

    Args:
        z (Tensor): The embeddings after the last round.
        round (Tensor): The number of rounds before each record; 0 is the start.
        energy (Tensor): The energy of the layer at each record, NaN for a layer without one.
        parts (dict): The energy of each part at each record, by name.
        measures (dict): Each measure at each record, by name.
        positions (Tensor, optional): The embeddings at each record. (default: ``None``)
        converged (bool): Whether the points came to rest before the rounds were used up.

    Shapes:
        - **z:** :math:`(n, d)`; **round**, **energy** and each of **parts** and **measures:** :math:`(t)`, in float64
          apart from the int64 **round**; **positions:** :math:`(t, n, d)`
    """

    z: Tensor
    round: Tensor
    energy: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    measures: dict[str, Tensor] = field(default_factory=dict)
    positions: Tensor | None = None
    converged: bool = False

    def __len__(self) -> int:
        return self.round.numel()

    def to_dict(self) -> dict[str, list[float]]:
        """The records as columns of a table: ``round``, ``energy``, ``energy/<part>`` of each part, and each measure
        under its name."""
        columns = {"round": self.round, "energy": self.energy}
        columns |= {f"energy/{name}": values for name, values in self.parts.items()}
        columns |= self.measures
        return {name: values.tolist() for name, values in columns.items()}

    def __repr__(self) -> str:
        n, d = self.z.shape
        rest = ", converged" if self.converged else ""
        return f"{type(self).__name__}({n} points [{d}], {len(self)} records of {int(self.round[-1])} rounds{rest})"
