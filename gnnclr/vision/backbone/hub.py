"""Trained encoders on the Hugging Face Hub, by its own mixin."""

from pathlib import Path
from typing import Any, cast

from huggingface_hub import ModelHubMixin, snapshot_download

from gnnclr.vision.backbone.backbone import Backbone
from gnnclr.vision.backbone.saved import CARD, CONFIG, WEIGHTS, read_backbone, save_backbone


class HubBackbone(ModelHubMixin, Backbone, library_name="gnnclr"):
    """A :class:`Backbone` with ``save_pretrained``, ``push_to_hub`` and ``from_pretrained`` of
    :class:`huggingface_hub.ModelHubMixin`, whose arguments they take."""

    @classmethod
    def of(cls, backbone: Backbone) -> "HubBackbone":
        """The same encoder, with shared weights.

        Args:
            backbone (Backbone): The encoder.
        """
        own = cls(backbone.features, backbone.square)
        own.origin = backbone.origin
        return own.train(backbone.training)

    def _save_pretrained(self, save_directory: Path) -> None:
        save_backbone(self, save_directory)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, encoder: Any = None, **options: Any) -> "HubBackbone":
        wanted = [CONFIG, WEIGHTS, CARD]
        here = Path(model_id).is_dir()
        folder = model_id if here else snapshot_download(model_id, allow_patterns=wanted, **options)
        return cast(HubBackbone, read_backbone(folder, encoder, cls))
