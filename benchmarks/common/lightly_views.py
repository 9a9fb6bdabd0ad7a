"""The views of lightly at the settings of ours."""

from collections.abc import Mapping
from typing import Any


def lightly_views(settings: Mapping[str, Any]) -> Any:
    """The transform of lightly that makes the views of :class:`gnnclr.vision.BatchViews`, of a PIL image.

    Args:
        settings (Mapping): All arguments of ``BatchViews``. The bounds of the crop's ratio are lightly's own, 3/4 to
            4/3, and the largest share of the area is one.
    """
    from lightly.transforms import SimCLRTransform

    strengths = dict(zip(("cj_bright", "cj_contrast", "cj_sat", "cj_hue"), settings["jitter"], strict=True))
    return SimCLRTransform(
        settings["size"],
        cj_prob=settings["jitter_p"],
        **strengths,
        min_scale=settings["scale"][0],
        random_gray_scale=settings["grayscale_p"],
        gaussian_blur=settings["blur_p"],
        hf_prob=settings["flip"],
        normalize={name: list(settings[name]) for name in ("mean", "std")},
    )
