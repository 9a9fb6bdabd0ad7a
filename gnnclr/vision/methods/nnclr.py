"""NNCLR: the nearest neighbor of a view finds the other view."""

import torch
from torch import Tensor, nn

from gnnclr.eval.geometry import view_measures
from gnnclr.graph import FeatureBank
from gnnclr.losses import InfoNCELoss
from gnnclr.ops.check import check_matrix, describe
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.vision.methods.method import VisionMethod
from gnnclr.vision.transforms.views import Views


class NNCLR(VisionMethod):
    r"""The method of `"With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of Visual
    Representations" <https://arxiv.org/abs/2104.14548>`_: the embedding of a view is replaced by its nearest neighbor
    among earlier embeddings, and finds the prediction of the other view.

    .. math::
        \mathcal{L} = \tfrac{1}{2} \big[ \ell(\mathbf{N}^0, \mathbf{P}^1) + \ell(\mathbf{N}^1, \mathbf{P}^0) \big],
        \qquad \ell(\mathbf{N}, \mathbf{P}) = \operatorname{mean}_i -\log
        \frac{e^{\mathbf{n}_i^\top \mathbf{p}_i / \tau}}{\sum_j e^{\mathbf{n}_i^\top \mathbf{p}_j / \tau}}

    with :math:`\mathbf{n}_i` the row of the queue that is most similar to :math:`\mathbf{z}_i`, held constant, and
    :math:`\mathbf{p}_i` the prediction from :math:`\mathbf{z}_i`, all of unit length. The embeddings of the first view
    enter the queue after the loss. As in the paper, an embedding of the same image from an earlier epoch may be the
    nearest. Where the authors start with a queue of random rows, which would be random targets, neighbors are taken
    here among the embeddings so far, and in the first batch each view is its own.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to embeddings; three layers in the paper.
        predictor (torch.nn.Module): Maps embeddings to predictions of the same width; two layers in the paper. If it
            has ``after_optimizer_step()``, that is called after each step.
        views (Views): Makes two views of a batch; its ``plain`` makes the input of :meth:`forward`.
        queue (FeatureBank): The support set, of all processes; the authors' holds 98,304 rows. Its index, where it
            has one, makes the search approximate.
        loss (torch.nn.Module, optional): A loss ``loss(neighbors, predictions)``.
            (default: ``InfoNCELoss(temperature=0.1)``)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`

    Example:
        >>> heads = MLPHead(128, 128, 64, layers=3), MLPHead(64, 128, 64)
        >>> method = NNCLR(SlimResNet(), *heads, BatchViews(32), FeatureBank(4096, 64))
        >>> loss, logs = method.training_step_loss({"image": torch.rand(256, 3, 32, 32)})
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        predictor: nn.Module,
        views: Views,
        queue: FeatureBank,
        loss: nn.Module | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, views, chunk_size)
        if not isinstance(queue, FeatureBank) or queue.mode != "queue":
            raise ValueError(f"'queue' must be a FeatureBank with mode='queue' (got {describe(queue)})")
        self.projector: nn.Module = projector
        self.predictor: nn.Module = predictor
        self.queue: FeatureBank = queue
        self.loss: nn.Module = InfoNCELoss(0.1) if loss is None else loss

    def training_step_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch; the embeddings of its first view enter the queue.

        Args:
            batch (dict): ``image`` :math:`(B, C, H, W)` and, to be kept with the embeddings, ``index`` :math:`(B)`,
                the rows of the data set.

        Returns:
            The loss, and detached scalars to log: ``alignment`` and ``uniformity`` of the embeddings, after
            `"Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere"
            <https://arxiv.org/abs/2005.10242>`_.
        """
        views = self.views(batch["image"])
        if len(views) != 2:
            raise ValueError(f"'views' must make two views (got {len(views)})")
        # One pass over both views: one batch for the normalization layers, and larger products.
        z = self.projector(self.encode(torch.cat(views)))
        p0, p1 = self.predictor(z).chunk(2)
        unit = unit_rows(check_matrix("embeddings", z.detach(), finite=True).float())
        (z0, z1), (n0, n1) = unit.chunk(2), self.neighbors(unit).chunk(2)
        loss = (self.loss(n0, p1) + self.loss(n1, p0)) / 2
        self.queue.update(z0, batch.get("index"), gather=True)
        return loss, view_measures(z0, z1)

    @torch.no_grad()
    def neighbors(self, z: Tensor) -> Tensor:
        """The row of the queue that is most similar to each embedding [n, d]; the embeddings while it is empty.

        Args:
            z (torch.Tensor): Embeddings [n, d].
        """
        if len(self.queue) == 0:
            return z
        nearest = self.queue.search(z, 1).index.squeeze(1)
        return self.queue.features[nearest].to(z)

    def after_optimizer_step(self) -> None:
        """Lets the predictor follow its inputs."""
        after = getattr(self.predictor, "after_optimizer_step", None)
        if after is not None:
            after()
