"""Supervised contrast, on the graph of a batch."""

from typing import ClassVar

from torch import Tensor, nn

from gnnclr.losses import SupConLoss
from gnnclr.vision.methods.simclr import SimCLR


class SupCon(SimCLR):
    r"""The method of `"Supervised Contrastive Learning" <https://arxiv.org/abs/2004.11362>`_: views of all images of
    one label attract each other, views of other labels repel.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to the embeddings that the loss sees.
        views (Views): Makes the views of a batch; its ``plain`` makes the input of :meth:`forward`.
        loss (torch.nn.Module, optional): A loss ``loss(z0, z1, labels=...)``. (default: ``SupConLoss()``)
        rewire (callable, optional): See :class:`SimCLR`. (default: :obj:`None`)
        bank (FeatureBank, optional): See :class:`SimCLR`. (default: the banks of the parts of :obj:`rewire`)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`
    """

    default_loss: ClassVar[type[nn.Module]] = SupConLoss

    def loss_arguments(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The labels of a batch."""
        if "label" not in batch:
            raise ValueError(f"'batch' must have a 'label': give the data labels=True (got {sorted(batch)})")
        inputs = getattr(self.loss, "inputs", None)
        if inputs is not None and "labels" not in inputs:
            raise ValueError(f"'loss' must take labels (got {type(self.loss).__name__})")
        return {"labels": batch["label"]}
