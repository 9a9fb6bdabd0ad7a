"""The loss of each anchor, with an exact gradient for any factors that they are multiplied by."""

from collections.abc import Callable
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from gnnclr.graph import ContrastGraph
from gnnclr.ops.no_double_backward import no_double_backward

#: An energy of embeddings on a graph.
Energy = Callable[[Tensor, ContrastGraph], Tensor]


class _EachAnchor(Function):
    @staticmethod
    def forward(ctx: Any, energy: Energy, graph: ContrastGraph, z: Tensor, *learned: Tensor) -> Tensor:
        ctx.energy, ctx.graph = energy, graph
        ctx.save_for_backward(z, *learned)
        # An energy is linear in the weights of anchors: its derivative by a weight is the loss of that anchor.
        weight = z.new_ones(z.size(0), requires_grad=True)
        with torch.enable_grad():
            value = energy(z.detach(), _weighed(graph, weight))
        return _derivatives(value, [weight])[0]

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, *learned = ctx.saved_tensors
        x = z.detach().requires_grad_()
        with torch.enable_grad():
            value = ctx.energy(x, _weighed(ctx.graph, grad))
        return None, None, *_derivatives(value, [x, *learned])


@torch.compiler.disable  # a compiler does not differentiate inside of a function
def each_anchor(energy: Energy, z: Tensor, graph: ContrastGraph, learned: list[Tensor]) -> Tensor:
    r"""The losses :math:`\ell_i` of all nodes [n], zero for those that are no anchors. The backward pass computes the
    message once, with the gradient of each loss as the weight of its anchor.

    Args:
        energy (callable): The energy of embeddings on a graph, linear in ``graph.anchor_weight`` where
            ``graph.reduction`` is ``"sum"``.
        z (Tensor): Embeddings [n, d].
        graph (ContrastGraph): The graph; weights of its anchors are factors of their losses.
        learned (list): What the energy is differentiable by beside the embeddings.
    """
    if torch.is_inference_mode_enabled():  # where nothing can be differentiated
        with torch.inference_mode(False), torch.no_grad():
            return each_anchor(energy, z.clone(), graph.clone(), [])
    each = _EachAnchor.apply(energy, graph, z, *learned)
    return each if graph.anchor_weight is None else each * graph.anchor_weight.to(each)


def _weighed(graph: ContrastGraph, weight: Tensor) -> ContrastGraph:
    graph = copy(graph)
    graph.anchor_weight, graph.reduction = weight, "sum"
    return graph


def _derivatives(value: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """The gradient of a value by each input, zero where it does not depend on it."""
    if not value.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    return list(torch.autograd.grad(value, inputs, allow_unused=True, materialize_grads=True))
