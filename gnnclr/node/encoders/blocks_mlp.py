"""An MLP of features of several reaches."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from gnnclr.graph.weighted_edges import Edges
from gnnclr.node.encoders.encoder_input import encoder_input
from gnnclr.node.encoders.propagated_mlp import PropagatedMLP
from gnnclr.node.sparse.propagate import centered_rows
from gnnclr.node.sparse.propagation_blocks import CONCATENATION, blocks_text, check_blocks, propagated_blocks
from gnnclr.ops.check import check_count
from gnnclr.ops.memo import TensorMemo


class BlocksMLP(PropagatedMLP):
    r"""A decoupled encoder of features of several reaches, see :func:`~gnnclr.node.propagated_blocks`.

    .. math:: \mathbf{Z} = \operatorname{MLP}\big(\operatorname{normalize}(\operatorname{center}(
        [\operatorname{PPR}_{\alpha_1, K_1}(\mathbf{X}), \ldots, \operatorname{PPR}_{\alpha_B, K_B}(\mathbf{X})]))\big)

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers.
        out_channels (int): Size of the embeddings.
        num_layers (int, optional): Number of linear layers. (default: ``2``)
        blocks (list, optional): For each block :math:`\alpha` and the number of steps; a recipe that gives none has
            them chosen on its data by :func:`~gnnclr.node.choose_propagation`.
            (default: ``[(0.5, 4), (0.2, 10), (0.05, 10)]``)
        **kwargs (optional): ``act``, ``dropout``, ``in_dropout`` and ``norm`` of :class:`~gnnclr.node.MLPEncoder`.

    Shapes:
        - **input:** features :math:`(n, F_{in})`, dense or sparse CSR; edges :math:`(2, e)`, or a sparse CSR adjacency
          matrix; optional node numbers :math:`(m)`, and weights of edges :math:`(e)`
        - **output:** embeddings of all nodes :math:`(n, F_{out})`, or of those :math:`(m, F_{out})`
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        blocks: Sequence[tuple[float, int]] | None = None,
        **kwargs: Any,
    ):
        blocks = check_blocks("blocks", CONCATENATION if blocks is None else blocks)
        width = check_count("in_channels", in_channels) * len(blocks)
        alpha, hops = blocks[0]
        super().__init__(
            width, hidden_channels, out_channels, num_layers, alpha=alpha, hops=hops, centered=True, **kwargs
        )
        self.in_channels: int = in_channels
        self.blocks: tuple[tuple[float, int], ...] = blocks
        #: The propagated features of a graph [n, B F] as they are, remembered.
        self.features: TensorMemo = TensorMemo(self._features)
        self._memo = TensorMemo(self._centered)

    def _features(self, x: Tensor, edge_index: Edges) -> Tensor:
        x = encoder_input(x, self.in_channels, self.mlp.layers[0].weight)
        return propagated_blocks(x, edge_index, self.blocks)

    def _centered(self, x: Tensor, edge_index: Edges) -> Tensor:
        """As :meth:`propagate`, of features that are remembered: a graph that both are asked of is walked once."""
        return centered_rows(self.features(x, edge_index))

    def propagate(self, x: Tensor, edge_index: Edges) -> Tensor:
        """The propagated features [n, B F], centered and with rows of length one."""
        return centered_rows(self._features(x, edge_index))

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.out_channels}, num_layers={len(self.mlp.layers)}"
        return f"{type(self).__name__}({sizes}, blocks={blocks_text(self.blocks)})"
