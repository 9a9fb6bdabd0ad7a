"""Predictors that are trained like any layer."""

from torch import nn

from gnnclr.nn.mlp_head import MLPHead
from gnnclr.ops.check import check_count


class LinearPredictor(nn.Linear):
    r"""A linear predictor that is trained like all else, the baseline of `"Understanding Self-Supervised Learning
    Dynamics without Contrastive Pairs" <https://arxiv.org/abs/2102.06810>`_.

    .. math:: \mathbf{p}_i = \mathbf{W} \mathbf{z}_i

    Args:
        channels (int): Width of the embeddings, and of the predictions.
        bias (bool, optional): If set to :obj:`True`, a bias is added. (default: :obj:`False`)

    Shapes:
        - **input:** embeddings :math:`(n, D)`
        - **output:** predictions :math:`(n, D)`
    """

    def __init__(self, channels: int, bias: bool = False):
        super().__init__(check_count("channels", channels), channels, bias=bias)


class MLPPredictor(MLPHead):
    r"""The predictor of `"Exploring Simple Siamese Representation Learning" <https://arxiv.org/abs/2011.10566>`_ and
    `"Bootstrap Your Own Latent" <https://arxiv.org/abs/2006.07733>`_: two linear layers with batch normalization and
    ReLU in between, and a plain output.

    SimSiam's is a bottleneck, ``MLPPredictor(2048, 512)``; BYOL's is wide, ``MLPPredictor(256, 4096)``.

    Args:
        channels (int): Width of the embeddings, and of the predictions.
        hidden_channels (int): Width of the hidden layers.
        layers (int, optional): The number of linear layers. (default: ``2``)
        norm (bool, optional): If set to :obj:`False`, hidden layers are not normalized. (default: :obj:`True`)

    Shapes:
        - **input:** embeddings :math:`(n, D)`
        - **output:** predictions :math:`(n, D)`
    """

    def __init__(self, channels: int, hidden_channels: int, layers: int = 2, norm: bool = True):
        check_count("channels", channels)
        check_count("hidden_channels", hidden_channels)
        super().__init__(channels, hidden_channels, channels, layers, norm)
