"""Layers between features and embeddings."""

from itertools import pairwise

from torch import Tensor, nn

from gnnclr.ops.check import check_count


class MLPHead(nn.Module):
    r"""The projector of `"A Simple Framework for Contrastive Learning of Visual Representations"
    <https://arxiv.org/abs/2002.05709>`_: linear layers with batch normalization and ReLU in between. Written here as
    :class:`torch_geometric.nn.MLP` has an activation behind a normalized output, which the last layer must not.

    ==========================================================  ==================================================
    SimCLR, CIFAR-10                                            ``MLPHead(512, 512, 128)``
    `BYOL <https://arxiv.org/abs/2006.07733>`_, ImageNet        ``MLPHead(2048, 4096, 256)``
    `SimSiam <https://arxiv.org/abs/2011.10566>`_, ImageNet     ``MLPHead(2048, 2048, 2048, 3, last_norm=True)``
    SimSiam, CIFAR-10                                           ``MLPHead(512, 2048, 2048, 2, last_norm=True)``
    ==========================================================  ==================================================

    Args:
        in_features (int): Width of the input.
        hidden_features (int): Width of the hidden layers.
        out_features (int): Width of the output.
        layers (int, optional): The number of linear layers. (default: ``2``)
        norm (bool, optional): If set to :obj:`False`, hidden layers are not normalized. (default: :obj:`True`)
        last_norm (bool, optional): If set to :obj:`True`, the output is normalized over the batch too, without a scale
            or a shift of its own. (default: :obj:`False`)
        bias (bool, optional): If set to :obj:`False`, the last linear layer has no bias; a normalized output has none
            in any case. (default: :obj:`True`)

    Shapes:
        - **input:** features :math:`(B, D_{in})`
        - **output:** embeddings :math:`(B, D_{out})`, of any length
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        out_features: int,
        layers: int = 2,
        norm: bool = True,
        last_norm: bool = False,
        bias: bool = True,
    ):
        super().__init__()
        sizes = {"in_features": in_features, "hidden_features": hidden_features, "out_features": out_features}
        for name, value in (sizes | {"layers": layers}).items():
            check_count(name, value)
        self.in_features: int = in_features
        self.out_features: int = out_features
        widths = [in_features] + [hidden_features] * (layers - 1) + [out_features]
        modules: list[nn.Module] = []
        for i, o in pairwise(widths[:-1]):
            modules += [nn.Linear(i, o, bias=not norm)] + [nn.BatchNorm1d(o)] * norm + [nn.ReLU(inplace=True)]
        modules.append(nn.Linear(widths[-2], widths[-1], bias=bias and not last_norm))
        self.layers: nn.Sequential = nn.Sequential(*modules, *[nn.BatchNorm1d(out_features, affine=False)] * last_norm)

    def forward(self, features: Tensor) -> Tensor:
        """The embeddings of ``features``."""
        return self.layers(features)
