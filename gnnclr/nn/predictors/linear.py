"""A predictor of one matrix."""

from torch import nn

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
