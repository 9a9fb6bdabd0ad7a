"""The result of one round of a contrastive layer."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Update:
    r"""One round of a contrastive layer.

    Args:
        energy (Tensor, optional): The energy :math:`E`, a scalar; ``None`` for an update that descends no energy.
        message (Tensor, optional): The update direction :math:`-\partial E / \partial \mathbf{z}` [n, d]; ``None``
            where :func:`gnnclr.ops.value_only.value_only` says that nobody asks for it. (default: ``None``)
        gradients (list): Pairs of a further differentiable input, such as a learnable temperature, and
            :math:`\partial E` by it.
    """

    energy: Tensor | None
    message: Tensor | None = None
    gradients: list[tuple[Tensor, Tensor]] = field(default_factory=list)
