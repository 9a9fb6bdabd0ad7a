"""Accuracy under attack: images are changed, through the encoder and the classifier behind it, until it errs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from gnnclr.eval.linear_head import LinearHead
from gnnclr.ops.check import check_count, describe

#: ``attack(images, loss_fn, generator)`` gives images near to ``images`` at which ``loss_fn`` is larger.
Attack = Callable[[Tensor, Callable[[Tensor], Tensor], Generator | None], Tensor]


@dataclass(frozen=True)
class RobustResult:
    """Accuracy with and without an attack, on the same images.

    Args:
        clean (float): The share of images that are classified correctly, in [0, 1].
        robust (float): The same of the images as the attack left them.
        images (int): Their number.
    """

    clean: float
    robust: float
    images: int


def robust_accuracy(
    encode: Callable[[Tensor], Tensor] | nn.Module,
    head: LinearHead,
    images: Tensor,
    y: Tensor,
    attack: Attack,
    *,
    batch_size: int = 250,
    seed: int = 0,
) -> RobustResult:
    r"""Accuracy of a linear probe on images that are attacked through it.

    .. math:: \frac{1}{n} \sum_i \mathbb{1}\big[\operatorname{argmax} h(f(\mathbf{x}_i^{*})) = y_i\big], \qquad
        \mathbf{x}_i^{*} \approx \operatorname*{argmax}_{\|\mathbf{x} - \mathbf{x}_i\| \le \epsilon}
        -\log \operatorname{softmax}(h(f(\mathbf{x})))_{y_i}

    with encoder :math:`f` and head :math:`h`, both fixed: the robust accuracy of standard linear finetuning, as in
    `"Adversarial Contrastive Learning via Asymmetric InfoNCE" <https://arxiv.org/abs/2207.08374>`_. It is an upper
    bound: a stronger attack may find more. An image of a class that the head does not know counts as wrong.

    Args:
        encode (callable): Maps images in :math:`[0, 1]` to features :math:`(n, d)`, differentiable, in evaluation mode.
        head (LinearHead): The classifier, of :func:`linear_probe`.
        images (Tensor): Images in :math:`[0, 1]`, on any device; batches go to where the encoder is.
        y (Tensor): Their labels.
        attack (callable): The attack, such as :class:`gnnclr.vision.PGDAttack`: ``attack(images, loss_fn, generator)``.
        batch_size (int, optional): Images that are attacked at once. (default: ``250``)
        seed (int, optional): Seed of the attack's random starts. (default: ``0``)

    Shapes:
        - **images:** :math:`(n, C, H, W)`; **y:** :math:`(n)`

    Raises:
        ValueError: If there are no images, or not as many labels.
    """
    check_count("batch_size", batch_size)
    if not isinstance(head, LinearHead):
        raise ValueError(f"'head' must be a LinearHead of a linear probe (got {describe(head)})")
    if len(images) == 0 or y.shape != (len(images),):
        raise ValueError(f"'y' must have a label for each of one or more images (got {describe(y)})")
    parameter = next(encode.parameters(), None) if isinstance(encode, nn.Module) else None
    device = images.device if parameter is None else parameter.device
    head = head.to(device)
    generator = torch.Generator(device).manual_seed(seed)
    known = head.classes.cpu()
    hits = torch.zeros(2, dtype=torch.long)
    for part, label in zip(images.split(batch_size), y.cpu().split(batch_size)):
        x, right = part.to(device), (label.unsqueeze(1) == known).to(device)
        truth = right.long().argmax(dim=1)

        def loss(x: Tensor, truth: Tensor = truth) -> Tensor:
            return cross_entropy(head(encode(x).flatten(1)), truth, reduction="sum")

        changed = attack(x, loss, generator)
        for i, inputs in enumerate((x, changed)):
            with torch.no_grad():
                predicted = head(encode(inputs).flatten(1)).argmax(dim=1)
            hits[i] += int(right.gather(1, predicted.unsqueeze(1)).sum())
    clean, robust = (hits / len(images)).tolist()
    return RobustResult(clean, robust, len(images))
