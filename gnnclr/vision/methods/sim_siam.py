"""SimSiam, and its targets from more than one stage."""

from collections.abc import Sequence

from torch import Tensor, nn

from gnnclr.nn.stage_memory import StageMemory
from gnnclr.vision.methods.siamese import SiameseMethod
from gnnclr.vision.transforms.views import Views


class SimSiam(SiameseMethod):
    r"""The method of `"Exploring Simple Siamese Representation Learning" <https://arxiv.org/abs/2011.10566>`_: from
    the embedding of a view a predictor finds the embedding of the other view, which gets no gradient.

    .. math:: \mathcal{L} = -\tfrac{1}{2} \operatorname{mean}_i \cos\big(q(\mathbf{z}^0_i),
        \operatorname{sg}(\mathbf{z}^1_i)\big) - \tfrac{1}{2} \operatorname{mean}_i \cos\big(q(\mathbf{z}^1_i),
        \operatorname{sg}(\mathbf{z}^0_i)\big)

    With a memory it is SimSiam-Multi of `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning"
    <https://arxiv.org/abs/2303.04435>`_: both targets are mixed with the embedding of the sample's last view in an
    earlier epoch.

    :meth:`after_optimizer_step` must be called after each step, and :meth:`start_epoch` at the start of each epoch.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to embeddings; the authors' has three layers and a normalized
            output, ``MLPHead(2048, 2048, 2048, 3, last_norm=True)``.
        predictor (torch.nn.Module): Maps embeddings to predictions; the authors' is ``MLPPredictor(2048, 512)``.
        views (Views): Makes two or more views of a batch; its ``plain`` makes the input of :meth:`forward`.
        memory (StageMemory, optional): Mixes targets with those of an earlier epoch; has a row for each image of the
            data set. (default: :obj:`None`)
        loss (torch.nn.Module, optional): Called as ``loss(predictions, targets)`` for every pair of views.
            (default: ``NegativeCosineLoss()``)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`

    Example:
        >>> projector = MLPHead(128, 128, 64, last_norm=True)
        >>> method = SimSiam(SlimResNet(), projector, MLPPredictor(64, 32), BatchViews(32))
        >>> loss, logs = method.training_step_loss({"image": torch.rand(256, 3, 32, 32)})
        >>> features = method.eval()(torch.rand(8, 3, 32, 32))
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        predictor: nn.Module,
        views: Views,
        memory: StageMemory | None = None,
        loss: nn.Module | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, projector, predictor, views, loss, chunk_size)
        self.memory = memory

    def targets(self, images: Tensor, z: Sequence[Tensor], batch: dict[str, Tensor]) -> Sequence[Tensor]:
        """The embeddings, mixed with those of an earlier epoch where there is a memory, which is written then."""
        z = [view.detach() for view in z]
        if self.memory is None:
            return z
        if "index" not in batch:
            raise ValueError(f"'batch' must have the rows of the data set as 'index' (got {sorted(batch)})")
        mixed = [self.memory(view, batch["index"]) for view in z]
        self.memory.write(z[-1], batch["index"])
        return mixed

    def start_epoch(self, epoch: int) -> None:
        """Says which epoch begins, counted from 0."""
        if self.memory is not None:
            self.memory.start_epoch(epoch)
