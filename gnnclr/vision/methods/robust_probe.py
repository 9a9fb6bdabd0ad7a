"""What robust methods are judged by: a linear probe under attack."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from gnnclr.eval import ProbeResult, Split, robust_accuracy
from gnnclr.ops.check import check_count
from gnnclr.vision.methods.adversarial import PGDAttack


class RobustProbe:
    r"""The accuracy of a method's linear probe on test images that are attacked through the encoder and the probe
    (:func:`gnnclr.eval.robust_accuracy`), beside the one without attack on the same images.

    Args:
        attack (PGDAttack, optional): The attack. (default: 20 steps of 2/255 in a ball of 8/255, PGD-20)
        images (int, optional): Test images that are attacked, drawn once for all runs. (default: ``1000``, or all
            where there are fewer)
    """

    def __init__(self, attack: PGDAttack | None = None, images: int = 1000):
        self.attack: PGDAttack = PGDAttack(8 / 255, 2 / 255, 20) if attack is None else attack
        self.images: int = check_count("images", images)

    def __call__(
        self,
        method: nn.Module,
        images: Callable[[Tensor], Tensor],
        labels: Tensor,
        split: Split,
        probes: Mapping[str, ProbeResult],
    ) -> dict[str, ProbeResult]:
        """The probes ``robust`` and ``clean``, of the same test images.

        Args:
            method (torch.nn.Module): The method, in evaluation mode.
            images (callable): Gives the images of rows, in [0, 1].
            labels (Tensor): The labels of all rows.
            split (Split): The split.
            probes (mapping): The probes of its features, ``linear`` is the one that is attacked.
        """
        linear = probes.get("linear")
        if linear is None or linear.head is None:  # no classifier that could be attacked
            return {}
        order = torch.randperm(split.test.numel(), generator=torch.Generator().manual_seed(0))
        rows = split.test[order[: self.images].sort().values]
        found = robust_accuracy(method, linear.head, images(rows), labels[rows], self.attack)
        settings = linear.settings | {"images": found.images}
        clean = ProbeResult(found.clean, linear.val, settings)
        return {"clean": clean, "robust": ProbeResult(found.robust, float("nan"), settings)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.attack}, images={self.images})"
