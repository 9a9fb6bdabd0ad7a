"""Jumping knowledge: several rounds of an update, read out together."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import JumpingKnowledge

from gnnclr.graph import ContrastGraph
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_choice, check_count, check_positive
from gnnclr.ops.unit_rows import normalize
from gnnclr.ops.value_only import value_only

MODES = ("last", "mean", "max", "cat", "lstm")


class JumpingKnowledgeConv(PairConv):
    r"""Several rounds of a contrastive update, joined as in `"Representation Learning on Graphs with Jumping Knowledge
    Networks" <https://arxiv.org/abs/1806.03536>`_.

    From :math:`\mathbf{z}^0`, the embeddings, each round takes a step along the message of the layer,

    .. math::
        \mathbf{z}^k = \hat{\mathbf{z}}^{k-1} + \eta\, n\, \mathbf{m}(\hat{\mathbf{z}}^{k-1}), \qquad
        \mathbf{r} = \operatorname{JK}(\mathbf{z}^1, \dots, \mathbf{z}^K)

    where :math:`\hat{\mathbf{z}}` has unit rows. Energies are means over anchors: the factor :math:`n`, their number,
    makes the step of a node independent of the size of the batch. The message of the layer is a constant in every
    round; what :math:`\mathbf{r}` is for says where gradients stop:

    - ``stop_gradient="messages"``: the energy of the layer at :math:`\hat{\mathbf{r}}`. Gradients reach the embeddings
      along the identity path, and the read-out's parameters. The encoder learns embeddings that are good *after* the
      rounds, which have done a part of the work: gradients are smaller where rounds suffice.
    - ``stop_gradient="target"``: :math:`\mathbf{r}` is a constant target, and the message
      :math:`(\mathbf{r} - \mathbf{z}^0) / \eta n`. The encoder learns to do what the rounds do, with one round exactly
      the update of the layer. This descends no energy: the value of a loss is that of the surrogate, which says
      nothing. Nothing that is learned may take part, since nothing would train it.

    Args:
        conv (PairConv): The layer whose update is repeated.
        rounds (int, optional): Number :math:`K` of rounds. (default: ``3``)
        step_size (float, optional): The step :math:`\eta > 0`. A message of NT-Xent times :math:`n` has a length
            of the order of :math:`2 / \tau`, so a round moves a row by about :math:`2 \eta / \tau`; rounds that do
            most of the work leave little to learn. (default: ``0.005``)
        mode (str, optional): The read-out: ``"last"``, ``"mean"``, or PyG's ``"max"``, ``"lstm"`` and ``"cat"``, which
            a linear map follows that starts as the mean. (default: ``"mean"``)
        stop_gradient (str, optional): ``"messages"`` or ``"target"``. (default: ``"messages"``)
        channels (int, optional): Width of the embeddings, for ``"cat"`` and ``"lstm"``. (default: ``None``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; a graph of :math:`n` nodes
        - **output:** messages :math:`(n, d)`
    """

    def __init__(
        self,
        conv: PairConv,
        rounds: int = 3,
        step_size: float = 0.005,
        mode: str = "mean",
        stop_gradient: str = "messages",
        channels: int | None = None,
    ):
        super().__init__(conv.temperature)
        self.conv: PairConv = conv
        self.rounds: int = check_count("rounds", rounds)
        self.step_size: float = check_positive("step_size", step_size)
        self.mode: str = check_choice("mode", mode, MODES)
        self.stop_gradient: str = check_choice("stop_gradient", stop_gradient, ("messages", "target"))
        if channels is not None:
            check_count("channels", channels)
        elif mode in ("cat", "lstm"):
            raise ValueError(f"'channels' must be the width of the embeddings for mode={mode!r} (got {channels!r})")
        self.read_out: JumpingKnowledge | None = (
            JumpingKnowledge(mode, channels, rounds) if mode in ("max", "cat", "lstm") else None
        )
        self.linear: nn.Linear | None = nn.Linear(rounds * channels, channels) if mode == "cat" else None
        self.reset_parameters()
        if stop_gradient == "target" and any(p.requires_grad for p in self.parameters()):
            raise ValueError(
                f"'stop_gradient' must be 'messages' where something is learned, by mode={mode!r} or by the layer: "
                f"nothing would train it (got 'target')"
            )

    def reset_parameters(self) -> None:
        """Draws the parameters of the read-out anew; the linear map of ``"cat"`` starts as the mean over rounds."""
        if self.read_out is not None:
            self.read_out.reset_parameters()
        if self.linear is not None:
            with torch.no_grad():
                eye = torch.eye(self.linear.out_features).to(self.linear.weight)
                self.linear.weight.copy_(eye.repeat(1, self.rounds) / self.rounds)
                self.linear.bias.zero_()

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of all rounds."""
        if self.stop_gradient == "target":
            rounds = self._rounds(z, graph)
            # These read-outs commute with a shift by z, which small steps would drown in.
            r = self._join([(unit - z) + move for unit, move in rounds])
            return Update(None, r / self._scale(graph))
        learned = [p for p in self.parameters() if p.requires_grad]
        with torch.set_grad_enabled(not value_only()):
            z = z.detach().requires_grad_()
            r = self._join([unit + move for unit, move in self._rounds(z, graph)])
            energy = self.conv.energy(normalize(r), graph)
            if value_only():
                return Update(energy)
            by_z, *by = torch.autograd.grad(energy, [z, *learned], allow_unused=True)
        gradients = [(p, gradient) for p, gradient in zip(learned, by) if gradient is not None]
        return Update(energy.detach(), -by_z, gradients)

    def _scale(self, graph: ContrastGraph) -> float:
        anchors = graph.num_nodes if graph.anchor is None else int(graph.anchor.sum())
        return self.step_size * max(anchors, 1)

    def _rounds(self, z: Tensor, graph: ContrastGraph) -> list[tuple[Tensor, Tensor]]:
        """Where each round starts, and how far it moves; the move is a constant."""
        rounds = []
        for _ in range(self.rounds):
            unit = normalize(sum(rounds[-1])) if rounds else z
            rounds.append((unit, self.conv(unit, graph) * self._scale(graph)))
        return rounds

    def _join(self, xs: list[Tensor]) -> Tensor:
        if self.mode == "last":
            return xs[-1]
        if self.mode == "mean":
            return torch.stack(xs).mean(dim=0)
        r = self.read_out(xs)
        return r if self.linear is None else self.linear(r)

    def extra_repr(self) -> str:
        """The layer and the settings."""
        settings = f"rounds={self.rounds}, step_size={self.step_size:g}, mode={self.mode!r}"
        return f"{self.conv}, {settings}, stop_gradient={self.stop_gradient!r}"
