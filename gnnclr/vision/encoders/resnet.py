"""torchvision's networks as encoders."""

# pyright: reportAttributeAccessIssue=false
# torchvision gives no types to the parts of its models.

from torch import nn

from gnnclr.ops.check import check_choice, describe


def resnet(name: str = "resnet18", stem: str = "cifar", weights: str | None = None, in_channels: int = 3) -> nn.Module:
    r"""A residual network of torchvision, without its classifier.

    Args:
        name (str, optional): torchvision's name of the network. (default: ``"resnet18"``)
        stem (str, optional): ``"cifar"``: a 3×3 convolution of stride one and no pooling, for images of 32×32;
            ``"imagenet"``: as published. (default: ``"cifar"``)
        weights (str, optional): torchvision's name of pretrained weights; only with ``stem="imagenet"``.
            (default: :obj:`None`)
        in_channels (int, optional): Channels of the images; other numbers than three only with ``stem="cifar"``.
            (default: ``3``)

    Returns:
        torch.nn.Module: Maps images :math:`(B, C, H, W)` to features :math:`(B, D)`; ``out_features`` is :math:`D`.

    Raises:
        ValueError: If torchvision has no network of that name, or it ends in no layer called ``fc``.
    """
    from torchvision import models

    check_choice("stem", stem, ("cifar", "imagenet"))
    names = [model for model in models.list_models(models) if model.startswith(("resnet", "resnext", "wide_resnet"))]
    check_choice("name", name, tuple(names))
    if weights is not None and stem == "cifar":
        raise ValueError(
            f"'weights' must be None with stem='cifar', whose first layer has another shape (got {weights!r})"
        )
    if in_channels < 1 or (in_channels != 3 and stem != "cifar"):
        raise ValueError(
            f"'in_channels' must be 3, or a positive number with stem='cifar' (got {describe(in_channels)})"
        )
    encoder = models.get_model(name, weights=weights)
    encoder.out_features = encoder.fc.in_features
    encoder.fc = nn.Identity()
    if stem == "cifar":
        encoder.conv1 = nn.Conv2d(in_channels, encoder.conv1.out_channels, 3, 1, 1, bias=False)
        nn.init.kaiming_normal_(encoder.conv1.weight, mode="fan_out", nonlinearity="relu")
        encoder.maxpool = nn.Identity()
    return encoder
