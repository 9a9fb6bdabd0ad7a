"""The projector between features and embeddings."""

from itertools import pairwise

from torch import Tensor, nn

from gnnclr.ops.check import describe


class MLPHead(nn.Module):
    r"""The projector of `"A Simple Framework for Contrastive Learning of Visual Representations"
    <https://arxiv.org/abs/2002.05709>`_: linear layers with batch normalisation and ReLU in between.

    Args:
        in_features (int): Width of the input.
        hidden_features (int): Width of the hidden layers.
        out_features (int): Width of the output.
        layers (int, optional): The number of linear layers. (default: ``2``)
        norm (bool, optional): If set to :obj:`False`, hidden layers are not normalised. (default: :obj:`True`)

    Shapes:
        - **input:** features :math:`(B, D_{in})`
        - **output:** embeddings :math:`(B, D_{out})`, of any length
    """

    def __init__(self, in_features: int, hidden_features: int, out_features: int, layers: int = 2, norm: bool = True):
        super().__init__()
        if isinstance(layers, bool) or not isinstance(layers, int) or layers < 1:
            raise ValueError(f"'layers' must be a positive integer (got {describe(layers)})")
        self.in_features, self.out_features = in_features, out_features
        widths = [in_features] + [hidden_features] * (layers - 1) + [out_features]
        modules: list[nn.Module] = []
        for i, o in pairwise(widths[:-1]):
            modules += [nn.Linear(i, o, bias=not norm)] + [nn.BatchNorm1d(o)] * norm + [nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*modules, nn.Linear(widths[-2], widths[-1]))

    def forward(self, features: Tensor) -> Tensor:
        """The embeddings of ``features``."""
        return self.layers(features)
