"""Networks of torchvision and timm as encoders, by name."""

import re
from difflib import get_close_matches
from typing import Any

from torch import nn

from gnnclr.ops.check import check_choice, check_count
from gnnclr.ops.optional_package import optional_package
from gnnclr.vision.encoders.weight_file import WEIGHT_FILES, load_weight_file

#: Vision transformers that are written as ``vit_SIZE_PATCH``.
VIT = re.compile(r"vit_(ti|s|b|l|h)_([1-9]\d*)")
TIMM = "timm/"
#: Where networks of torchvision have their classifier.
HEADS = ("fc", "classifier", "heads", "head")


def image_encoder(
    name: str = "resnet18",
    stem: str = "imagenet",
    weights: str | None = None,
    in_channels: int = 3,
    image_size: int | None = None,
    options: dict[str, Any] | None = None,
) -> nn.Module:
    r"""A network of torchvision or timm without its classifier: the last layer with weights, and dropout before it.

    - ``"resnet50"``, ``"convnext_tiny"``, ``"efficientnet_b0"``, ``"swin_t"``: any of torchvision's that classify.
    - ``"vit_s_16"``: a vision transformer of torchvision's layers, of size ``ti``, ``s``, ``b``, ``l`` or ``h`` and any
      patch size; it takes images of any size in whole patches (:class:`~gnnclr.vision.encoders.vit.ViT`).
    - ``"timm/vit_small_patch16_224"``: a network of `timm <https://github.com/huggingface/pytorch-image-models>`_,
      where that is installed (``pip install 'gnnclr[timm]'``).

    Args:
        name (str, optional): The name of the network. (default: ``"resnet18"``)
        stem (str, optional): ``"imagenet"``: as published; ``"cifar"``: a 3×3 convolution of stride one and no pooling,
            for images of 32×32, which residual networks of torchvision can have. (default: ``"imagenet"``)
        weights (str, optional): Pretrained weights: a file, see
            :func:`~gnnclr.vision.encoders.weight_file.load_weight_file`; or the library's name of weights that it
            downloads, ``"DEFAULT"``. (default: :obj:`None`, random ones)
        in_channels (int, optional): Channels of the images; with pretrained weights three. (default: ``3``)
        image_size (int, optional): Height and width of the images, for networks with a position for each patch.
            (default: those of the data in a recipe, otherwise 224)
        options (dict, optional): Further arguments of the network's own function. (default: none)

    Returns:
        torch.nn.Module: Maps images :math:`(B, C, H, W)` to features :math:`(B, D)`; ``out_features`` is :math:`D`.

    Raises:
        ValueError: If there is no network of that name, or an argument does not fit it.
        ImportError: If timm is needed and not there.
    """
    check_choice("stem", stem, ("cifar", "imagenet"))
    check_count("in_channels", in_channels)
    image_size = 224 if check_count("image_size", image_size, optional=True) is None else image_size
    file = weights if weights is not None and weights.lower().endswith(WEIGHT_FILES) else None
    _check_fit(name, stem, weights, in_channels, file is not None)
    named = weights if file is None else None
    encoder: Any
    if name.startswith(TIMM):
        encoder, head = _of_timm(name[len(TIMM) :], named, in_channels, image_size, options or {})
    else:
        encoder, head = _of_torchvision(name, named, in_channels, image_size, options or {})
    if stem == "cifar":
        encoder.conv1 = nn.Conv2d(in_channels, encoder.conv1.out_channels, 3, 1, 1, bias=False)
        nn.init.kaiming_normal_(encoder.conv1.weight, mode="fan_out", nonlinearity="relu")
        encoder.maxpool = nn.Identity()
    if file is not None:
        load_weight_file(encoder, file, head)
    return encoder


def _check_fit(name: str, stem: str, weights: str | None, in_channels: int, of_file: bool) -> None:
    if stem == "cifar" and not name.startswith(("resnet", "resnext", "wide_resnet")):
        raise ValueError(
            f"'stem' must be 'imagenet' with {name}: residual networks alone have a small one (got 'cifar')"
        )
    if stem == "cifar" and weights is not None and not of_file:
        raise ValueError(
            f"'weights' must be None or a file with stem='cifar', whose first layer has another shape (got {weights!r})"
        )
    if weights is not None and in_channels != 3 and not of_file:
        raise ValueError(f"'in_channels' must be 3 with pretrained weights (got {in_channels})")


def _of_torchvision(
    name: str, weights: str | None, in_channels: int, image_size: int, options: dict[str, Any]
) -> tuple[nn.Module, str]:
    """The network without its classifier, and the name of that."""
    from torchvision import models

    found = VIT.fullmatch(name)
    known = models.list_models(models)
    if found is None and name not in known:
        close = ", ".join(map(repr, get_close_matches(name, known, 3)))
        raise ValueError(
            f"'name' must be a network of torchvision such as {close or repr('resnet50')}, 'vit_SIZE_PATCH', or "
            f"'timm/NAME' (got {name!r})"
        )
    if weights is not None:
        names = tuple(models.get_model_weights(name).__members__) if name in known else ()
        if weights not in names:
            raise ValueError(
                f"'weights' must be a file that ends in {', '.join(WEIGHT_FILES)}"
                f"{''.join(f', or {one!r}' for one in names)} (got {weights!r})"
            )
    if found is not None:
        from gnnclr.vision.encoders.vit import ViT

        encoder: Any = ViT.of_size(found[1], int(found[2]), image_size, **options)
        if weights is not None:
            encoder.load_state_dict(models.get_model_weights(name)[weights].get_state_dict(progress=False))
    else:
        scratch = {"init_weights": True} if name in ("googlenet", "inception_v3") and weights is None else {}
        encoder = models.get_model(name, weights=weights, **scratch, **options)
    head = _remove_head(encoder)
    if in_channels != 3:
        first, conv = next((n, part) for n, part in encoder.named_modules() if isinstance(part, nn.Conv2d))
        encoder.set_submodule(first, _with_channels(conv, in_channels))
    return encoder, head


def _remove_head(encoder: Any) -> str:
    """Replaces the last layer with weights, and dropout right before it, and returns the name of the layer."""
    for branch in ("AuxLogits", "aux1", "aux2"):  # further classifiers of the Inception networks
        if getattr(encoder, branch, None) is not None:
            setattr(encoder, branch, None)
            encoder.aux_logits = False
    top = next(name for name in HEADS if hasattr(encoder, name))
    layers = [(name, part) for name, part in encoder.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    head, layer = next((name, part) for name, part in reversed(layers) if name.split(".")[0] == top)
    encoder.out_features = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
    encoder.set_submodule(head, nn.Identity())
    parent, _, index = head.rpartition(".")
    before = f"{parent}.{int(index) - 1}" if index.isdigit() and index != "0" else ""
    if before and isinstance(encoder.get_submodule(before), nn.Dropout):
        encoder.set_submodule(before, nn.Identity())
    return head


def _with_channels(conv: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    """A new convolution as another one, for images of other channels."""
    shape: Any = (conv.kernel_size, conv.stride, conv.padding)
    return nn.Conv2d(in_channels, conv.out_channels, *shape, bias=conv.bias is not None)


def _of_timm(
    name: str, weights: str | None, in_channels: int, image_size: int, options: dict[str, Any]
) -> tuple[nn.Module, str]:
    """The network without its classifier, and the name of that."""
    timm = optional_package("timm", "timm", f"the encoder {TIMM + name!r}", "gnnclr[timm]")
    if weights is None and not timm.is_model(name):
        close = ", ".join(map(repr, get_close_matches(name, timm.list_models(), 3))) or "timm.list_models()"
        raise ValueError(f"'name' must be a network of timm such as {close} (got {TIMM + name!r})")
    arguments = {"pretrained": weights is not None, "num_classes": 0, "in_chans": in_channels, **options}
    try:
        # Transformers have a position for each patch; other networks know no size.
        encoder = timm.create_model(name, **{"img_size": image_size, **arguments})
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        encoder = timm.create_model(name, **arguments)
    encoder.out_features = encoder.num_features
    head = encoder.pretrained_cfg.get("classifier") or ""
    return encoder, head if isinstance(head, str) else head[0]
