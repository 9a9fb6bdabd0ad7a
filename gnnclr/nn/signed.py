"""Message passing with positive and negative edges."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, zeros
from torch_geometric.utils import coalesce, degree, remove_self_loops, scatter

from gnnclr.ops.check import check_choice, check_count, check_index, check_matrix

CONSTRAINTS = ("psd", "penalty")


class SignedMessagePassing(MessagePassing):
    r"""Neighbors attract and pairs without an edge repel, in the style of `"Learning over Positive and
    Negative Edges with Contrastive Message Passing" <https://arxiv.org/abs/2605.17854>`_.

    .. math::
        \mathbf{x}'_i = \mathbf{W}_0 \mathbf{x}_i
        + \operatorname{mean}_{j \in \mathcal{N}^{+}(i)} \mathbf{W}_{+} \mathbf{x}_j
        - \operatorname{mean}_{j \in \mathcal{N}^{-}(i)} \mathbf{W}_{-} \mathbf{x}_j + \mathbf{b}

    With positive semidefinite :math:`\mathbf{W}_{\pm}` the step moves a node up the gradient of
    :math:`\mathbf{x}_i^\top \mathbf{W}_{+} \mathbf{x}_j` and down that of
    :math:`\mathbf{x}_i^\top \mathbf{W}_{-} \mathbf{x}_j`: along positive edges it makes nodes similar, along negative
    edges dissimilar. The paper constrains its weights softly; the formulas here are not taken from it.

    Negative edges are given, or they are all absent edges. Their sum is then that of all nodes, less the neighbors and
    the node itself, which is exact in time linear in nodes and edges.

    Args:
        in_channels (int): Size of the input features.
        out_channels (int): Size of the output features.
        constraint (str, optional): ``"psd"``: :math:`\mathbf{W}_{\pm} = \mathbf{A}_{\pm} \mathbf{A}_{\pm}^\top`;
            ``"penalty"``: free weights, whose negative eigenvalues :meth:`penalty` measures; both need as many output
            as input channels. With :obj:`None` weights are free. (default: ``"psd"``)
        bias (bool, optional): Whether there is a bias :math:`\mathbf{b}`. (default: ``True``)

    Shapes:
        - **input:** features :math:`(n, F_{in})`, positive edges :math:`(2, e)`, optional negative edges
          :math:`(2, e')`, optional graph of each node :math:`(n)`
        - **output:** features :math:`(n, F_{out})`
    """

    def __init__(self, in_channels: int, out_channels: int, constraint: str | None = "psd", bias: bool = True):
        super().__init__(aggr="mean")
        self.in_channels: int = check_count("in_channels", in_channels)
        self.out_channels: int = check_count("out_channels", out_channels)
        self.constraint: str | None = (
            None if constraint is None else check_choice("constraint", constraint, CONSTRAINTS)
        )
        if constraint is not None and in_channels != out_channels:
            raise ValueError(
                f"'out_channels' must equal 'in_channels' where weights are constrained, since only square ones have "
                f"eigenvalues (got {out_channels} and {in_channels})"
            )
        self.lin: nn.Linear = nn.Linear(in_channels, out_channels, bias=False)
        #: The weights of neighbors and of negatives [out, in], or their factors :math:`\mathbf{A}`.
        self.weight_pos: nn.Parameter = nn.Parameter(torch.empty(out_channels, in_channels))
        self.weight_neg: nn.Parameter = nn.Parameter(torch.empty(out_channels, in_channels))
        self.bias: nn.Parameter | None = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        super().reset_parameters()
        for weight in (self.lin.weight, self.weight_pos, self.weight_neg):
            glorot(weight)
        zeros(self.bias)

    def weights(self) -> tuple[Tensor, Tensor]:
        r"""The matrices :math:`\mathbf{W}_{+}` and :math:`\mathbf{W}_{-}` [out, in]."""
        a, b = self.weight_pos, self.weight_neg
        return (a @ a.t(), b @ b.t()) if self.constraint == "psd" else (a, b)

    def penalty(self) -> Tensor:
        r"""How far the weights are from positive semidefinite, to be added to the loss; zero unless the constraint is
        ``"penalty"``.

        .. math:: \sum_{\pm} \sum_k \max\big(0, -\lambda_k(\tfrac12 (\mathbf{W}_{\pm} + \mathbf{W}_{\pm}^\top))\big)^2
        """
        if self.constraint != "penalty":
            return self.weight_pos.new_zeros(())
        weight = torch.stack(self.weights())
        return torch.linalg.eigvalsh((weight + weight.mT) / 2).clamp(max=0).square().sum()

    def forward(
        self, x: Tensor, edge_index: Tensor, neg_edge_index: Tensor | None = None, batch: Tensor | None = None
    ) -> Tensor:
        """The features after one round.

        Args:
            x (Tensor): Features [n, in].
            edge_index (Tensor): Positive edges [2, e], from source to target.
            neg_edge_index (Tensor, optional): Negative edges [2, e']. (default: ``None``, all absent edges: loops and
                repeated edges are dropped first)
            batch (Tensor, optional): The graph of each node [n]: edges between graphs are not absent, they cannot be.
                (default: ``None``, one graph)
        """
        n = check_matrix("x", x, cols=self.in_channels).size(0)
        edge_index = check_index("edge_index", edge_index, 2, "e")
        if batch is not None:
            batch = check_index("batch", batch, n)
        if neg_edge_index is None:
            edge_index = coalesce(remove_self_loops(edge_index)[0], num_nodes=n)
            near = self.propagate(edge_index, x=x)
            far = self._far(x, near, edge_index, batch)
        else:
            neg_edge_index = check_index("neg_edge_index", neg_edge_index, 2, "e")
            near, far = self.propagate(edge_index, x=x), self.propagate(neg_edge_index, x=x)
        attract, repel = self.weights()
        out = self.lin(x) + near @ attract.t() - far @ repel.t()
        return out if self.bias is None else out + self.bias

    @staticmethod
    def _far(x: Tensor, near: Tensor, edge_index: Tensor, batch: Tensor | None) -> Tensor:
        """The mean over all nodes but neighbors and the node itself; zero where nothing is left."""
        wide, n = torch.promote_types(x.dtype, torch.float32), x.size(0)
        batch = torch.zeros(n, dtype=torch.long, device=x.device) if batch is None else batch
        known = degree(edge_index[1], n, dtype=wide) + 1
        size = degree(batch, dtype=wide)[batch]
        total = scatter(x.to(wide), batch, reduce="sum")[batch]
        left = total - x - near * (known - 1).unsqueeze(1)
        count = (size - known).unsqueeze(1)
        return (left / count.clamp(min=1)).masked_fill(count < 0.5, 0).to(x.dtype)

    def message(self, x_j: Tensor) -> Tensor:
        """The message of one edge."""
        return x_j

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, constraint={self.constraint!r})"
