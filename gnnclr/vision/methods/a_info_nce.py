"""Adversarial contrastive learning with asymmetric InfoNCE."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from gnnclr.eval import ProbeResult
from gnnclr.eval.geometry import alignment, view_measures
from gnnclr.losses import AsymmetricInfoNCELoss
from gnnclr.ops.check import describe
from gnnclr.vision.methods.adaptive_alpha import AdaptiveAlpha
from gnnclr.vision.methods.adversarial import PGDAttack, frozen_statistics
from gnnclr.vision.methods.examples import Examples
from gnnclr.vision.methods.method import VisionMethod
from gnnclr.vision.methods.robust_probe import RobustProbe
from gnnclr.vision.transforms.normalize import Normalize
from gnnclr.vision.transforms.views import Views


class AInfoNCE(VisionMethod):
    r"""The method of `"Adversarial Contrastive Learning via Asymmetric InfoNCE" <https://arxiv.org/abs/2207.08374>`_
    on the views of `"Adversarial Self-Supervised Contrastive Learning" <https://arxiv.org/abs/2006.07589>`_: the graph
    of a batch has a third view, made from the first so that the loss is large.

    .. math:: \mathbf{x}^{*} = \arg\max_{\|\mathbf{x} - \mathbf{x}^{1}\| \leq \epsilon}
        \mathcal{L}\big(f(\mathbf{x}^{1}), f(\mathbf{x}^{2}), f(\mathbf{x})\big), \qquad
        \min_f \mathcal{L}\big(f(\mathbf{x}^{1}), f(\mathbf{x}^{2}), f(\mathbf{x}^{*})\big)

    The attack moves pixels after augmentation and before normalization, within :math:`[0, 1]`. It ascends the loss of
    training as a function of the adversarial view alone: clean embeddings are made once and held constant. Layers in
    training mode normalize the adversarial view by its own statistics meanwhile, and record none of them. In the step
    of training that follows all views are one batch.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to the embeddings that the loss sees.
        views (Views): Makes the clean views. Its ``normalize`` must be a :class:`~gnnclr.vision.Normalize` or nothing.
        loss (torch.nn.Module, optional): A loss of the clean views and the adversarial one, which comes last; to
            ``NTXentLoss`` all are alike. (default: ``AsymmetricInfoNCELoss()``: temperature 0.5, :math:`\alpha` 0.2)
        attack (PGDAttack, optional): The attack, whose steps make up the cost of a training step. (default:
            ``PGDAttack()``: seven steps in a ball of 8/255)
        adaptive (AdaptiveAlpha, optional): Adapts the :math:`\alpha` of the loss to the distance of adversarial
            views; the attack is made at its smallest. (default: :obj:`None`, the loss has it fixed)
        robust_probe (RobustProbe, optional): Judges the features, beside other probes, under attack; :obj:`None` leaves
            it out. (default: :obj:`None`)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`

    Example:
        >>> method = AInfoNCE(SlimResNet(), MLPHead(128, 128, 64), BatchViews(32), attack=PGDAttack(steps=2))
        >>> loss, logs = method.training_step_loss({"image": torch.rand(256, 3, 32, 32)})
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        views: Views,
        loss: nn.Module | None = None,
        attack: PGDAttack | None = None,
        adaptive: AdaptiveAlpha | None = None,
        robust_probe: RobustProbe | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, views, chunk_size)
        if not isinstance(views.normalize, (Normalize, nn.Identity)):
            raise ValueError(
                f"'views' must normalize by Normalize, or not at all, so that pixels can be attacked "
                f"(got {describe(views.normalize)})"
            )
        self.projector = projector
        self.loss: nn.Module = AsymmetricInfoNCELoss() if loss is None else loss
        self.attack: PGDAttack = PGDAttack() if attack is None else attack
        self.adaptive: AdaptiveAlpha | None = adaptive
        self.robust_probe: RobustProbe | None = robust_probe
        if adaptive is not None and getattr(self.loss, "alpha", None) is None:
            raise ValueError(
                f"'adaptive' must be None for a loss without inferior positives (got {type(self.loss).__name__})"
            )

    def start_epoch(self, epoch: int) -> None:
        """Says which epoch begins."""
        if self.adaptive is not None:
            self.adaptive.start_epoch(epoch)

    def own_probes(self, examples: Examples, probes: Mapping[str, ProbeResult]) -> dict[str, ProbeResult]:
        """Accuracy under attack, see :class:`RobustProbe`; nothing without a ``robust_probe``."""
        if self.robust_probe is None:
            return {}
        return self.robust_probe(self, examples.inputs, examples.labels, examples.split, probes)

    def training_step_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        Args:
            batch (dict): ``image`` :math:`(B, C, H, W)`.

        Returns:
            The loss, and detached scalars to log: ``alignment`` and ``uniformity`` of the clean views, and
            ``adversarial_alignment``, that of the first view and the adversarial one; ``alpha`` and the distance
            ``adversarial_distance`` of their features where it adapts.
        """
        clean = self.views(batch["image"])
        if self.adaptive is not None:
            self.loss.alpha = self.adaptive.alpha
        views = [*clean, self.adversarial_view(clean)]
        # One pass over all views: one batch for the normalization layers, and larger products.
        features = self.encode(torch.cat(views))
        logs = {} if self.adaptive is None else self._adapt(features.detach().chunk(len(views)))
        z = self.projector(features).chunk(len(views))
        loss = self.loss(*z)
        logs["adversarial_alignment"] = alignment(z[0].detach(), z[-1].detach())
        return loss, view_measures(*z[:2]) | logs

    def _adapt(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Sets the weight of the loss by the features of all views."""
        alpha, distance = self.adaptive(features[0], features[-1])
        self.loss.alpha = alpha
        return {"alpha": distance.new_tensor(alpha), "adversarial_distance": distance}

    def adversarial_view(self, views: list[Tensor]) -> Tensor:
        """The adversarial view of a batch of clean views, all normalized."""
        with frozen_statistics(self.encoder, self.projector):
            with torch.no_grad():
                clean = self._embed(views)

            def loss_fn(pixels: Tensor) -> Tensor:
                return self.loss(*clean, *self._embed([self.views.normalize(pixels)]))

            pixels = self._denormalize(views[0]).clamp_(0, 1)  # rounding may have left [0, 1]
            return self.views.normalize(self.attack(pixels, loss_fn))

    def _denormalize(self, images: Tensor) -> Tensor:
        normalize = self.views.normalize
        if isinstance(normalize, nn.Identity):
            return images.clone()
        return torch.addcmul(normalize.mean, images, normalize.std)

    def _embed(self, views: list[Tensor]) -> list[Tensor]:
        x = self.projector(self.encode(torch.cat(views)))
        return list(x.split([len(view) for view in views]))
