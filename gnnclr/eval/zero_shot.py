"""Classification by texts: the class whose captions are nearest."""

import torch
from torch import Tensor

from gnnclr.eval.labels import labeled_rows
from gnnclr.ops.check import check_matrix, describe
from gnnclr.ops.unit_rows import unit_rows


@torch.no_grad()
def zero_shot_accuracy(z: Tensor, y: Tensor, prompts: Tensor) -> float:
    r"""Accuracy of the class whose mean prompt is nearest, with no classifier trained: the zero-shot classification of
    `"Learning Transferable Visual Models From Natural Language Supervision" <https://arxiv.org/abs/2103.00020>`_.

    .. math:: \hat y_i = \operatorname*{argmax}_c\; \cos\Big(\mathbf{z}_i,\; \sum_{p \in c}
        \frac{\mathbf{t}_p}{\|\mathbf{t}_p\|}\Big)

    Args:
        z (Tensor): Embeddings of images.
        y (Tensor): Their labels, numbers of classes. Rows whose label is missing (``-1``, or NaN) are left out.
        prompts (Tensor): Embeddings of the same number of prompts for each class.

    Shapes:
        - **z:** :math:`(n, d)`; **y:** :math:`(n)`; **prompts:** :math:`(C, P, d)`

    Raises:
        ValueError: If embeddings are not finite, shapes do not fit, or a label is of no class.
    """
    z, y = labeled_rows("y", y, check_matrix("z", z, finite=True))
    fits = isinstance(prompts, Tensor) and prompts.dim() == 3 and prompts.size(2) == z.size(1) and prompts.size(1) > 0
    if not fits or not bool(prompts.isfinite().all()):
        raise ValueError(f"'prompts' must be finite of shape [C, P, {z.size(1)}] (got {describe(prompts)})")
    if int(y.max()) >= len(prompts):
        raise ValueError(f"'prompts' must hold the {int(y.max()) + 1} classes of 'y' (got {len(prompts)})")
    center = unit_rows(unit_rows(prompts.flatten(0, 1)).view_as(prompts).mean(dim=1))
    return float(((unit_rows(z) @ center.t()).argmax(dim=1) == y).double().mean())
