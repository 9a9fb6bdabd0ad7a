"""SAMP-CLR: prototypes of the batch, with attention between its samples."""

import torch
from torch import Tensor, nn

from gnnclr.eval.geometry import view_measures
from gnnclr.losses.prototype import PrototypeLoss
from gnnclr.ops.check import check_positive
from gnnclr.vision.methods.method import VisionMethod
from gnnclr.vision.transforms.views import Views


class SAMPCLR(VisionMethod):
    r"""The method of `"Self-Attention Message Passing for Contrastive Few-Shot Learning"
    <https://arxiv.org/abs/2210.06339>`_ (SAMP-CLR): every view finds its original among those of the batch, before and
    after the samples of the batch exchanged messages.

    .. math::
        \mathcal{L} = \beta\, \ell(\mathbf{Z}) + \ell(\operatorname{SAMP}(\mathbf{Z})), \qquad
        \ell = \operatorname{mean}_{i, a} -\log \operatorname*{softmax}_k
        \big( -\|\bar{\mathbf{z}}_{i, a} - \mathbf{z}_k\|^2 / T \big)_i

    with :math:`L` originals :math:`\mathbf{z}` and :math:`LA` views :math:`\bar{\mathbf{z}}`, whose rows have unit
    length after the messages, and any length before. The authors train with batches of :math:`L = 128`, :math:`A = 3`
    views and Adam at a rate of 5e-4.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        gnn (torch.nn.Module): Maps the features of a batch to node embeddings, for example
            :class:`~gnnclr.nn.SelfAttentionMessagePassing`.
        views (Views): Makes the views of a batch, of the size of the images; its ``plain`` gives the originals and is
            what :meth:`forward` encodes.
        loss (torch.nn.Module, optional): A loss ``loss(z, z1, ..., zA)`` of node embeddings of the originals and of
            each view. (default: ``PrototypeLoss(temperature=0.2239)``)
        feature_loss (torch.nn.Module, optional): The same of features.
            (default: ``PrototypeLoss(temperature=0.2239, normalized=False)``)
        feature_weight (float, optional): The weight :math:`\beta` of :obj:`feature_loss`. (default: ``0.69``)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`

    Example:
        >>> gnn = SelfAttentionMessagePassing(128)
        >>> method = SAMPCLR(SlimResNet(), gnn, BatchViews(32, views=3))
        >>> loss, logs = method.training_step_loss({"image": torch.rand(128, 3, 32, 32)})
        >>> few_shot(method.eval()(images), labels, ways=5, shots=1, transform=gnn.adapt)
    """

    takes_crops = False  # originals are images too

    def __init__(
        self,
        encoder: nn.Module,
        gnn: nn.Module,
        views: Views,
        loss: nn.Module | None = None,
        feature_loss: nn.Module | None = None,
        feature_weight: float = 0.69,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, views, chunk_size)
        self.gnn = gnn
        self.loss: nn.Module = PrototypeLoss() if loss is None else loss
        self.feature_loss: nn.Module = PrototypeLoss(normalized=False) if feature_loss is None else feature_loss
        self.feature_weight: float = check_positive("feature_weight", feature_weight)

    def encode(self, images: Tensor, encoder: nn.Module | None = None) -> Tensor:
        """The features of views, each on its own, as rows."""
        return super().encode(images, encoder).flatten(1)

    def training_step_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        Args:
            batch (dict): ``image`` :math:`(B, C, H, W)`.

        Returns:
            The loss, and detached scalars to log: both of its parts, and ``alignment`` and ``uniformity`` of the node
            embeddings of originals and first views.

        Raises:
            ValueError: If views have another size than the images.
        """
        parts = [self.views.plain(batch["image"]), *self.views(batch["image"])]
        if parts[0].shape != parts[1].shape:
            size, wanted = (list(part.shape[2:]) for part in parts[1::-1])
            raise ValueError(f"'views' must have the size {wanted} of the images (got {size})")
        x = self.encode(torch.cat(parts))
        n = len(parts[0])
        z = self.gnn(x).split(n)
        feature_loss, loss = self.feature_loss(*x.split(n)), self.loss(*z)
        logs = {"feature_loss": feature_loss.detach(), "graph_loss": loss.detach()}
        logs |= view_measures(*z[:2])
        return self.feature_weight * feature_loss + loss, logs
