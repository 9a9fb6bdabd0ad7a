"""GraphMAE: features are masked and reconstructed."""

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.node.datasets.data import check_node_data, with_parts
from gnnclr.node.encoders.encoder_input import encoder_input
from gnnclr.node.methods.method import NodeMethod, width
from gnnclr.ops.check import check_count, check_matrix, check_positive, check_probability
from gnnclr.ops.unit_rows import unit_rows


def scaled_cosine_error(x: Tensor, y: Tensor, exponent: float = 3.0) -> Tensor:
    r"""The reconstruction error :math:`\operatorname{mean}_i \big(1 - \cos(\mathbf{x}_i, \mathbf{y}_i)\big)^{\gamma}`,
    which weighs easy rows less.

    Args:
        x (Tensor): Features [n, d].
        y (Tensor): Reconstructions [n, d].
        exponent (float, optional): The exponent :math:`\gamma \ge 1`. (default: ``3.0``)

    Shapes:
        - **output:** scalar
    """
    check_positive("exponent", exponent)
    check_matrix("x", x)
    check_matrix("y", y, rows=x.size(0), cols=x.size(1))
    return (1 - torch.linalg.vecdot(unit_rows(x), unit_rows(y))).clamp(min=0).pow(exponent).mean()


class GraphMAE(NodeMethod):
    r"""The method of `"GraphMAE: Self-Supervised Masked Graph Autoencoders" <https://arxiv.org/abs/2205.10803>`_: no
    contrast, but the reconstruction of features of masked nodes, as a yardstick.

    .. math:: \mathcal{L} = \operatorname{mean}_{i \in \mathcal{M}} \big(1 - \cos(\mathbf{x}_i,
        \hat{\mathbf{x}}_i)\big)^{\gamma}, \qquad \hat{\mathbf{X}} = \operatorname{dec}\big(\text{remask}(\mathbf{W}
        \operatorname{enc}(\tilde{\mathbf{X}}, \mathcal{G})), \mathcal{G}\big)

    Masked nodes hold a learned token, some of them the features of another node instead; before decoding, their
    embeddings are set to zero. The authors' encoder is a :class:`~gnnclr.node.GATEncoder` of two layers, and their
    decoder has one layer of one head.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        decoder (torch.nn.Module): Called as ``decoder(z, edge_index)``, maps embeddings to features: a
            :class:`~gnnclr.node.GATEncoder` of one layer.
        in_channels (int): Size of the features.
        mask_rate (float, optional): The share of nodes that are masked. (default: ``0.5``)
        replace_rate (float, optional): The share of masked nodes that hold features of another node.
            (default: ``0.05``)
        exponent (float, optional): The exponent :math:`\gamma`. (default: ``3.0``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)`, sparse ones are made dense, and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        in_channels: int,
        mask_rate: float = 0.5,
        replace_rate: float = 0.05,
        exponent: float = 3.0,
    ):
        super().__init__(encoder)
        self.decoder = decoder
        self.mask_rate: float = check_probability("mask_rate", mask_rate)
        self.replace_rate: float = check_probability("replace_rate", replace_rate)
        self.exponent: float = check_positive("exponent", exponent)
        size = width(encoder, "encoder.out_channels")
        self.token: nn.Parameter = nn.Parameter(torch.zeros(check_count("in_channels", in_channels)))
        self.bridge: nn.Linear = nn.Linear(size, size, bias=False)

    def mask(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features with masked nodes [n, F], and the numbers of those [m].

        Args:
            x (Tensor): Dense features [n, F].
        """
        n = x.size(0)
        masked = torch.randperm(n, device=x.device)[: max(1, int(self.mask_rate * n))]
        replaced = masked[: int(self.replace_rate * masked.numel())]
        noise = x[torch.randint(n, (replaced.numel(),), device=x.device)]
        token = masked[replaced.numel() :]
        out = x.index_copy(0, token, self.token.to(x.dtype).expand(token.numel(), -1))
        return out.index_copy(0, replaced, noise), masked

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The error of the features of freshly masked nodes, and their mean ``cosine`` with the features."""
        data = check_node_data(data)
        x = encoder_input(data.x.to_dense(), self.token.numel(), self.token)
        noisy, masked = self.mask(x)
        z = self.bridge(self.encode(with_parts(data, x=noisy)))
        z = z.index_fill(0, masked, 0.0)
        reconstructed = self.encode(with_parts(data, x=z), self.decoder)[masked]
        cosine = torch.linalg.vecdot(unit_rows(x[masked]), unit_rows(reconstructed.detach())).mean()
        return scaled_cosine_error(x[masked], reconstructed, self.exponent), {"cosine": cosine}
