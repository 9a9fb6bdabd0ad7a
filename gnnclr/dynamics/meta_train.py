"""Training of an update through its unrolled rounds."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn import LearnedUpdate
from gnnclr.ops.check import check_count, check_positive, describe


def meta_train(
    update: LearnedUpdate,
    batch: Callable[[int], ContrastGraph],
    energy: Callable[[Tensor, ContrastGraph], Tensor],
    *,
    steps: int = 300,
    rounds: int = 10,
    learning_rate: float = 3e-3,
) -> list[float]:
    r"""Learns the weights :math:`\theta` of an update by gradients through its rounds, as `"MPLP: Learning a Message
    Passing Learning Protocol" <https://arxiv.org/abs/2007.00970>`_ learns its agents.

    .. math:: \min_\theta\; \mathbb{E}_{\text{batch}}\; \tfrac1R \sum_{r=1}^{R} E\big(\mathbf{Z}^{(r)}_\theta\big)

    by Adam, with gradients of a norm of at most one. Gradients that are not finite are passed over.

    Args:
        update (LearnedUpdate): The update; it is changed.
        batch (callable): The batch of a step by its number: a graph with embeddings ``graph.x`` [n, d].
        energy (callable): ``energy(z, graph)``, differentiable, such as that of a loss.
        steps (int, optional): Number of batches. (default: ``300``)
        rounds (int, optional): The rounds :math:`R`. (default: ``10``)
        learning_rate (float, optional): That of Adam. (default: ``3e-3``)

    Returns:
        list: The mean energy of the rounds in each step.

    Raises:
        ValueError: If an argument has the wrong type or range.
    """
    if not isinstance(update, LearnedUpdate):
        raise ValueError(f"'update' must be a LearnedUpdate (got {describe(update)})")
    check_count("steps", steps)
    check_count("rounds", rounds)
    optimizer = torch.optim.Adam(update.parameters(), float(check_positive("learning_rate", learning_rate)))
    history = []
    for step in range(steps):
        graph = batch(step)
        found = update.unroll(graph.x, graph, rounds)[1:]
        loss = torch.stack([energy(z, graph) for z in found]).mean()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(update.parameters(), 1.0)
        if bool(norm.isfinite()):
            optimizer.step()
        history.append(float(loss.detach()))
    return history
