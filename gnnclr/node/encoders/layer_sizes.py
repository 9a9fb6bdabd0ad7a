"""The widths of the layers of an encoder."""

from gnnclr.ops.check import check_count


def layer_sizes(in_channels: int, hidden_channels: int, out_channels: int, num_layers: int) -> list[int]:
    """Sizes of features before, between and after ``num_layers`` layers, one more than those.

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers.
        out_channels (int): Size of the embeddings.
        num_layers (int): Number of layers.

    Raises:
        ValueError: If one of them is no positive integer.
    """
    check_count("in_channels", in_channels)
    check_count("hidden_channels", hidden_channels)
    check_count("out_channels", out_channels)
    check_count("num_layers", num_layers)
    return [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
