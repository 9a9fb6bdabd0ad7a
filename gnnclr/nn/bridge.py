"""The autograd bridge: any contrastive layer becomes a training loss."""

from typing import Any

from torch import Tensor
from torch.autograd import Function

from gnnclr.nn.update import Update
from gnnclr.ops.no_double_backward import no_double_backward


class _Bridge(Function):
    @staticmethod
    def forward(ctx: Any, update: Update, z: Tensor, *inputs: Tensor) -> Tensor:
        by_inputs = [gradient.to(tensor.dtype).view_as(tensor) for tensor, gradient in update.gradients]
        ctx.save_for_backward(update.message, *by_inputs)
        ctx.dtype = z.dtype
        return update.energy.clone()

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        message, *by_inputs = ctx.saved_tensors
        by_z = None if message is None else (-grad * message).to(ctx.dtype)
        return None, by_z, *(grad * gradient for gradient in by_inputs)


def bridge(z: Tensor, update: Update) -> Tensor:
    r"""The energy of an update as a scalar that backpropagates minus its message.

    Forward returns :math:`E`, backward returns :math:`-\mathbf{m}` to ``z`` and :math:`\partial E` to every further
    input, such as a temperature.
    An update without a message sends nothing back to ``z``.
    An update without an energy trains through the surrogate
    :math:`-\sum_i \langle \mathbf{z}_i, \mathrm{sg}(\mathbf{m}_i) \rangle`, whose gradient is
    minus the message as well.

    Args:
        z (Tensor): The embeddings [n, d] that the update was computed from.
        update (Update): The update, computed without gradients.
    """
    if update.message is None and not update.gradients:
        return update.energy.clone()
    if update.energy is None:
        return -(z * update.message.detach()).sum()
    return _Bridge.apply(update, z, *(tensor for tensor, _ in update.gradients))
