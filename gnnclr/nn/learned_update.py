"""A contrastive update that is learned."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from gnnclr.graph import ContrastGraph
from gnnclr.ops.check import check_count, check_matrix, check_positive, describe
from gnnclr.ops.unit_rows import unit_rows

#: What a node sees at the end of an edge: similarity, whether it is positive, and the shares of either end.
INPUTS = 4


class LearnedUpdate(MessagePassing):
    r"""A message with learned weights in the place of the gradient of a contrastive loss, in the style of `"MPLP:
    Learning a Message Passing Learning Protocol" <https://arxiv.org/abs/2007.00970>`_: nodes are agents with a state,
    one network is shared by all edges and one by all nodes, and both are learned through unrolled rounds.

    With :math:`s_{ij} = \mathbf{z}_i^\top \mathbf{z}_j` of unit rows, :math:`y_{ij} = 1 / |\mathcal{P}_i|` for the
    positives :math:`j \in \mathcal{P}_i` of :math:`i` and zero otherwise, :math:`\pi_{ij}` the share of :math:`j` in
    the softmax of :math:`i` over all other nodes at temperature :math:`\tau`, :math:`n` nodes and
    :math:`\mathbf{h}_i` the state,

    .. math::
        w_{ij} &= \Big( y_{ij} - \tfrac{\pi_{ij} + \pi_{ji}}{2} \Big)\, e^{a_{ij}} + \tfrac{b_{ij}}{n}, \qquad
        (a_{ij}, b_{ij}, \mathbf{c}_{ij}) = \mathrm{MLP}_{e}\Big(s_{ij},\, [y_{ij} > 0],\, \log(1 + n \pi_{ij}),\,
        \log(1 + n \pi_{ji}),\, \mathbf{h}_i,\, \mathbf{h}_j\Big) \\
        \mathbf{m}_i &= \sum_{j \ne i} w_{ij}\, \mathbf{z}_j, \qquad
        \mathbf{h}_i \leftarrow \mathrm{GRU}\Big(\tfrac1n \textstyle\sum_j \mathbf{c}_{ij},\, \mathbf{h}_i\Big), \qquad
        \mathbf{z}_i \leftarrow \frac{\mathbf{z}_i + e^{g_i} \mathbf{t}_i}{\|\mathbf{z}_i + e^{g_i} \mathbf{t}_i\|}

    with :math:`g_i` a linear function of the state and :math:`\mathbf{t}_i` the part of :math:`\mathbf{m}_i` that is
    tangent to the sphere. Where the networks give zero, as they do at first, the step is one of gradient descent: for
    two views :math:`\mathbf{m}_i` is the message of :class:`~gnnclr.nn.ContrastiveConv`, NT-Xent's, times
    :math:`n \tau / 2`. Inputs are rotation invariants and messages are sums, so the update commutes with permutations
    of the nodes and rotations of the space, and is defined for any number of nodes and any dimension.

    Everything an edge has is computed for all pairs of nodes, :math:`O(n^2)` in memory: this is a layer to learn and to
    study updates by, and not one for large batches. The paper learns the weights of a network by agents on each
    synapse; that the nodes of a contrastive batch are the agents is ours.

    Args:
        temperature (float, optional): The temperature :math:`\tau > 0` of the shares. (default: ``0.5``)
        state (int, optional): Size of the state of a node. (default: ``8``)
        hidden (int, optional): Width of the network of edges. (default: ``16``)

    Shapes:
        - **input:** embeddings :math:`(n, d)` of any length, a :class:`~gnnclr.graph.ContrastGraph` of views, states
          :math:`(n, h)` or :obj:`None`, which is zero
        - **output:** embeddings :math:`(n, d)` of unit length, states :math:`(n, h)`

    Raises:
        ValueError: If an argument has the wrong type, shape or range, or the graph has a bank.
    """

    def __init__(self, temperature: float = 0.5, state: int = 8, hidden: int = 16):
        super().__init__(aggr="sum")
        self.temperature: float = float(check_positive("temperature", temperature))
        self.state: int = check_count("state", state)
        self.hidden: int = check_count("hidden", hidden)
        self.edge: nn.Sequential = nn.Sequential(
            nn.Linear(INPUTS + 2 * state, hidden), nn.Tanh(), nn.Linear(hidden, 2 + state)
        )  # fmt: skip
        self.node: nn.GRUCell = nn.GRUCell(state, state)
        self.gain: nn.Linear = nn.Linear(state, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights; the first update is that of the gradient."""
        super().reset_parameters()
        for module in (self.edge[0], self.edge[2], self.node, self.gain):
            module.reset_parameters()
        with torch.no_grad():
            self.edge[2].weight[:2].zero_()
            self.edge[2].bias[:2].zero_()
            self.gain.weight.zero_()
            self.gain.bias.zero_()

    def forward(self, z: Tensor, graph: ContrastGraph, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The embeddings and the states after one round.

        Args:
            z (Tensor): Embeddings [n, d].
            graph (ContrastGraph): The positives; all other nodes are negatives.
            state (Tensor, optional): States [n, h] of the round before. (default: ``None``, zero)
        """
        n = check_matrix("z", z).size(0)
        if not isinstance(graph, ContrastGraph) or graph.bank is not None or graph.num_nodes != n:
            raise ValueError(f"'graph' must be a ContrastGraph of {n} nodes without a bank (got {describe(graph)})")
        state = z.new_zeros(n, self.state) if state is None else check_matrix("state", state, rows=n, cols=self.state)
        if n < 2:
            return unit_rows(z), state
        z = unit_rows(z)
        positive = torch.zeros(n, n, dtype=torch.bool, device=z.device)
        positive[graph.positives[1], graph.positives[0]] = True  # from candidate to anchor
        pair = torch.ones(n, n, dtype=torch.bool, device=z.device).fill_diagonal_(False).nonzero().t()
        score = z @ z.t()
        logits = (score / self.temperature).masked_fill(torch.eye(n, dtype=torch.bool, device=z.device), -torch.inf)
        share = logits.softmax(dim=1)
        row, col = pair
        own = (positive[row, col] / positive.sum(dim=1).clamp(min=1)[row]).to(z)
        out, back = share[row, col], share[col, row]
        is_positive = (own > 0).to(z)
        seen = torch.stack([score[row, col], is_positive, (n * out).log1p(), (n * back).log1p()], dim=1)
        said = self.edge(torch.cat([seen, state[row], state[col]], dim=1))
        weight = (own - (out + back) / 2) * said[:, 0].exp() + said[:, 1] / n
        # PyG's messages go from the first row of an edge_index to the second.
        move = self.propagate(pair.flip(0), x=z, weight=weight, size=(n, n))
        heard = torch.zeros_like(state).index_add(0, row, said[:, 2:]) / n
        after = self.node(heard, state)
        move = move - (move * z).sum(dim=1, keepdim=True) * z
        return unit_rows(z + self.gain(after).exp() * move), after

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """The message of one edge."""
        return weight.unsqueeze(1) * x_j

    def unroll(self, z: Tensor, graph: ContrastGraph, rounds: int) -> list[Tensor]:
        """The embeddings after each of some rounds, from states of zero; differentiable, so that a loss of them trains
        the layer.

        Args:
            z (Tensor): Embeddings [n, d].
            graph (ContrastGraph): The positives.
            rounds (int): The number of rounds.

        Returns:
            list: Embeddings [n, d], of the start at unit length and after each round.
        """
        found, state = [unit_rows(z)], None
        for _ in range(check_count("rounds", rounds)):
            z, state = self(found[-1], graph, state)
            found.append(z)
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}(temperature={self.temperature:g}, state={self.state}, hidden={self.hidden})"
