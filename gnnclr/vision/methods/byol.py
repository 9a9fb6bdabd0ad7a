"""BYOL: one view predicts the embedding of the other by a slow copy of the encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.ops.check import check_count
from gnnclr.vision.methods.siamese import SiameseMethod
from gnnclr.vision.transforms.views import Views


class BYOL(SiameseMethod):
    r"""The method of `"Bootstrap Your Own Latent" <https://arxiv.org/abs/2006.07733>`_: from the embedding of a view a
    predictor finds the embedding of the other view by a slow copy of encoder and projector.

    .. math:: \mathcal{L} = -\tfrac{1}{2} \operatorname{mean}_i \cos\big(q(\mathbf{z}^0_i), \mathbf{t}^1_i\big)
        -\tfrac{1}{2} \operatorname{mean}_i \cos\big(q(\mathbf{z}^1_i), \mathbf{t}^0_i\big)

    The paper's loss is :math:`4 + 4 \mathcal{L}`, with gradients four times as large: plain SGD needs four times its
    learning rate here.
    With :class:`~gnnclr.nn.predictors.DirectPred` as predictor it is the method of `"Understanding Self-Supervised
    Learning Dynamics without Contrastive Pairs" <https://arxiv.org/abs/2102.06810>`_.

    :meth:`after_optimizer_step` moves the copy, and must be called after each step.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to embeddings; the authors' is ``MLPHead(2048, 4096, 256)``.
        predictor (torch.nn.Module): Maps embeddings to predictions; the authors' is ``MLPPredictor(256, 4096)``.
        views (Views): Makes two or more views of a batch; its ``plain`` makes the input of :meth:`forward`.
        momentum (float, optional): The momentum of the copy at the start. (default: ``0.996``)
        momentum_steps (int, optional): Steps over which the momentum rises to one; the authors take all of the
            training. (default: :obj:`None`, constant)
        loss (torch.nn.Module, optional): Called as ``loss(predictions, targets)`` for every pair of views.
            (default: ``NegativeCosineLoss()``)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`

    Example:
        >>> method = BYOL(SlimResNet(), MLPHead(128, 128, 64, layers=1), DirectPred(64), BatchViews(32))
        >>> loss, logs = method.training_step_loss({"image": torch.rand(256, 3, 32, 32)})
        >>> loss.backward()  # and a step of the optimizer
        >>> method.after_optimizer_step()
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        predictor: nn.Module,
        views: Views,
        momentum: float = 0.996,
        momentum_steps: int | None = None,
        loss: nn.Module | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, projector, predictor, views, loss, chunk_size)
        check_count("momentum_steps", momentum_steps, optional=True)
        self.target: MomentumEncoder = MomentumEncoder(self._online(), momentum, momentum_steps)

    def targets(self, images: Tensor, z: Sequence[Tensor], batch: dict[str, Tensor]) -> Sequence[Tensor]:
        """The embeddings of the views by the copy."""
        with torch.no_grad():
            return self.project(images, self.target.module).chunk(len(z))

    def after_optimizer_step(self) -> None:
        """Moves the copy towards the encoder and its projector, and lets the predictor follow its inputs."""
        super().after_optimizer_step()
        self.target.update(self._online())

    def _online(self) -> nn.Sequential:
        return nn.Sequential(self.encoder, self.projector)
