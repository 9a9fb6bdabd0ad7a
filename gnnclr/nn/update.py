"""The result of one round of a contrastive layer."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Update:
    r"""One round of a contrastive layer.

    Args:
        energy (Tensor, optional): The energy :math:`E`, a scalar; ``None`` for an update that descends no energy.
        message (Tensor): The update direction :math:`-\partial E / \partial \mathbf{z}` [n, d].
        gradients (list): Pairs of a further differentiable input, such as a learnable temperature, and
            :math:`\partial E` by it.
    """

    energy: Tensor | None
    message: Tensor
    gradients: list[tuple[Tensor, Tensor]] = field(default_factory=list)
