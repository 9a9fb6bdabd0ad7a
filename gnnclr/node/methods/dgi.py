"""DGI: nodes against a summary of their graph."""

from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.methods.discriminator import BilinearDiscriminator, discrimination_accuracy, discrimination_loss
from gnnclr.node.methods.method import NodeMethod, width
from gnnclr.node.methods.two_view import View
from gnnclr.node.transforms.shuffle import FeatureShuffle


class DGI(NodeMethod):
    r"""The method of `"Deep Graph Infomax" <https://arxiv.org/abs/1809.10341>`_: a summary of the graph tells its nodes
    from those of a corrupted graph.

    .. math::
        \mathcal{L} = \operatorname{mean}_i \log\big(1 + e^{-\mathbf{z}_i^{\top} \mathbf{W} \mathbf{s}}\big)
        + \operatorname{mean}_i \log\big(1 + e^{\tilde{\mathbf{z}}_i^{\top} \mathbf{W} \mathbf{s}}\big), \qquad
        \mathbf{s} = \sigma\big(\tfrac{1}{n} \sum_i \mathbf{z}_i\big)

    The authors' encoder on citation graphs is one convolution, ``GCNEncoder(F, 512, 512, num_layers=1, act="prelu")``.
    :class:`torch_geometric.nn.DeepGraphInfomax` adds a constant to probabilities before it takes logarithms, which
    bounds the loss; it is exact here.

    Args:
        encoder (torch.nn.Module): Called as ``encoder(x, edge_index)``.
        discriminator (torch.nn.Module, optional): Called as ``discriminator(z, summary)``, with a method
            ``summary(z)``. (default: :class:`~gnnclr.node.BilinearDiscriminator`, as wide as ``encoder.out_channels``)
        corruption (callable, optional): A transform. (default: :class:`~gnnclr.node.FeatureShuffle`)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    def __init__(self, encoder: nn.Module, discriminator: nn.Module | None = None, corruption: View | None = None):
        super().__init__(encoder)
        if discriminator is None:
            discriminator = BilinearDiscriminator(width(encoder, "discriminator"))
        self.discriminator = discriminator
        self.corruption: View = FeatureShuffle() if corruption is None else corruption

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the graph and a fresh corruption of it, and the ``accuracy`` of the discriminator."""
        data = check_node_data(data)
        corrupted = self.corruption(data)
        z, other = (self.encode(graph) for graph in (data, corrupted))
        summary = self.discriminator.summary(z)
        logits = [self.discriminator(embedding, summary) for embedding in (z, other)]
        return discrimination_loss(*logits), {"accuracy": discrimination_accuracy(*logits).detach()}
