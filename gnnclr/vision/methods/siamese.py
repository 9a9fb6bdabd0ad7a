"""The base of methods in which one view predicts another."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from gnnclr.eval.geometry import view_measures
from gnnclr.losses import NegativeCosineLoss
from gnnclr.ops.check import describe
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.vision.methods.method import VisionMethod, channels_last
from gnnclr.vision.transforms.views import Views


class SiameseMethod(VisionMethod):
    r"""Base of methods without negatives: from the embedding of a view a predictor finds the target of every other
    view of the image.

    .. math:: \mathcal{L} = \operatorname{mean}_{v \neq w} \ell\big(q(\mathbf{Z}^v), \operatorname{sg}(\mathbf{T}^w)
        \big)

    A subclass defines the targets (:meth:`targets`). All views go through the encoder in one pass, so the statistics
    of its normalization layers are those of all views. :meth:`after_optimizer_step` must be called after each step.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to embeddings.
        predictor (torch.nn.Module): The map :math:`q` between embeddings. If it has ``after_optimizer_step()``, as
            :class:`~gnnclr.nn.predictors.DirectPred` has, that is called after each step.
        views (Views): Makes two or more views of a batch; its ``plain`` makes the input of :meth:`forward`.
        loss (torch.nn.Module, optional): Called as ``loss(predictions, targets)`` for every pair of views.
            (default: ``NegativeCosineLoss()``)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        predictor: nn.Module,
        views: Views,
        loss: nn.Module | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, views, chunk_size)
        self.projector: nn.Module = projector
        self.predictor: nn.Module = predictor
        self.loss: nn.Module = NegativeCosineLoss() if loss is None else loss
        if getattr(views, "views", 2) < 2:
            raise ValueError(f"'views' must make two views or more (got {describe(views.views)})")

    def targets(self, images: Tensor, z: Sequence[Tensor], batch: dict[str, Tensor]) -> Sequence[Tensor]:
        """The targets of all views, without gradients.

        Args:
            images (torch.Tensor): The views, one after another :math:`(V B, C, H, W)`.
            z (Sequence[torch.Tensor]): Their embeddings, :math:`(B, D)` each.
            batch (dict): The batch they are of.
        """
        raise NotImplementedError

    def training_step_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        r"""The loss of a batch.

        Args:
            batch (dict): ``image`` :math:`(B, C, H, W)` and, where targets need it, ``index`` :math:`(B)`, the rows of
                the data set.

        Returns:
            The loss, and detached scalars to log: ``alignment`` and ``uniformity`` of the embeddings, and ``std``, the
            mean over channels of the standard deviation of unit embeddings, times :math:`\sqrt{D}`: one if they spread
            evenly, zero if they collapse to a point.
        """
        views = self.views(batch["image"])
        images = channels_last(torch.cat(views))
        z = self.projector(self.encode(images))
        p, z = self.predictor(z).chunk(len(views)), z.chunk(len(views))
        t = self.targets(images, z, batch)
        pairs = [(v, w) for v in range(len(views)) for w in range(len(views)) if v != w]
        loss = reduce(add, (self.loss(p[v], t[w]) for v, w in pairs)) / len(pairs)
        with torch.no_grad():
            std = unit_rows(z[0].float()).std(dim=0, correction=0).mean() * z[0].size(1) ** 0.5
        return loss, view_measures(*z[:2]) | {"std": std}

    def after_optimizer_step(self) -> None:
        """Lets the predictor follow its inputs."""
        after = getattr(self.predictor, "after_optimizer_step", None)
        if after is not None:
            after()
