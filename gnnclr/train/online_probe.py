"""Watches a training: probes and measures of the features as they are, every so many epochs."""

import sys

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from gnnclr.eval import Split, knn_probe, linear_probe
from gnnclr.ops.check import check_count
from gnnclr.train.contrastive_data import ContrastiveData, check_embedding, geometry_measures
from gnnclr.train.module import ContrastiveModule

#: The mean cosine of two examples from which features are said to collapse.
COLLAPSED = 0.99


class OnlineProbe(Callback):
    r"""Every so many epochs embeds the data as evaluation does, and logs for the validation examples

    - ``val_knn`` and ``val_linear``, the accuracy of a vote of the 20 nearest training examples and of a logistic
      regression, where there are labels of one kind. Both have fixed settings and choose nothing; test examples are
      never looked at;
    - ``val_uniformity``, ``val_effective_rank`` (RankMe) and ``val_similarity``, the mean cosine of all pairs; from .99
      on one line warns that features collapse.

    They are columns of ``metrics.csv`` and go to every logger, and so to callbacks that monitor them. Training is not
    changed: the method is in evaluation mode, and each step draws from a seed of its own.

    Args:
        every_n_epochs (int, optional): Epochs between two looks; 0 looks never. An epoch that a limit ended before its
            last batch is looked at once it is whole. A look takes as long as embedding all of the data.
            (default: ``0``)
    """

    def __init__(self, every_n_epochs: int = 0) -> None:
        self.every_n_epochs: int = check_count("watch.every_n_epochs", every_n_epochs, least=0)
        self._warned = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the features, on the first process, if it is time to."""
        due = self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0
        if not due or not trainer.is_global_zero or not trainer.is_last_batch:  # a limit may end an epoch early
            return
        data = getattr(trainer, "datamodule", None)
        assert isinstance(data, ContrastiveData) and isinstance(pl_module, ContrastiveModule)
        with torch.random.fork_rng():
            z = check_embedding(data.embed(pl_module.method), "current").cpu()
        found = validation_measures(z, data.labels, data.split, data.watched)
        measures = {f"val_{name}": value for name, value in found.items()}
        pl_module.log_dict(measures, rank_zero_only=True, batch_size=1)
        if measures["val_similarity"] >= COLLAPSED and not self._warned:
            self._warned = True
            print(
                f"features collapse: the mean cosine of two examples is {measures['val_similarity']:.3f} after epoch "
                f"{trainer.current_epoch + 1}; raise the batch size or the temperature, or lower 'model.optimizer.lr'",
                file=sys.stderr,
            )


def validation_measures(
    z: Tensor, y: Tensor | None, split: Split | None, watched: Tensor | None = None
) -> dict[str, float]:
    """Accuracies of probes with fixed settings, and measures of geometry, on validation rows.

    Args:
        z (torch.Tensor): Features of all rows.
        y (torch.Tensor, optional): Labels of all rows.
        split (Split, optional): Its validation rows are measured, its training rows probed; without validation rows
            the geometry of its training rows is measured alone.
        watched (torch.Tensor, optional): The rows whose geometry is measured alone where there is no split.
            (default: :obj:`None`, all)

    Shapes:
        - **z:** :math:`(n, d)`; **y:** :math:`(n)`; **watched:** :math:`(m)`
    """
    if split is None:
        return geometry_measures(z if watched is None else z[watched])
    if split.val.numel() < 2:
        return geometry_measures(z[split.train])
    measures = geometry_measures(z[split.val])
    if y is None or y.dim() != 1:
        return measures
    held_out = Split(split.train, split.val[:0], split.val)
    return {
        "knn": knn_probe(z, y, held_out, k=(20,), votes=("similarity",)).test,
        "linear": linear_probe(z, y, held_out, scalings=("standardize",), C=(1.0,), tol=1e-4).test,
        **measures,
    }
