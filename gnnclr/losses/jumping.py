"""Jumping knowledge for any loss of unit rows."""

from typing import Any

from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.nt_xent import NTXentLoss
from gnnclr.nn import PairConv
from gnnclr.nn.jumping import JumpingKnowledgeConv
from gnnclr.ops.check import describe


class JumpingKnowledgeLoss(GraphLoss):
    r"""A loss after several rounds of its own update, joined by the read-out of `"Representation Learning on Graphs
    with Jumping Knowledge Networks" <https://arxiv.org/abs/1806.03536>`_; for formulas and arguments see
    :class:`~gnnclr.nn.JumpingKnowledgeConv`.

    Args:
        loss (GraphLoss, optional): The loss whose update is repeated. (default: ``NTXentLoss()``)
        rounds (int, optional): Number of rounds. (default: ``3``)
        step_size (float, optional): The step of a round, whatever the size of the batch. (default: ``0.005``)
        mode (str, optional): The read-out, ``"last"``, ``"mean"``, ``"max"``, ``"cat"`` or ``"lstm"``.
            (default: ``"mean"``)
        stop_gradient (str, optional): ``"messages"``, the loss at the read-out; or ``"target"``, where embeddings move
            to the read-out and the value is that of a surrogate. (default: ``"messages"``)
        channels (int, optional): Width of the embeddings, for ``"cat"`` and ``"lstm"``. (default: ``None``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)

    Shapes:
        - **input:** that of the loss
        - **output:** scalar

    Example:
        >>> loss = JumpingKnowledgeLoss(NTXentLoss(temperature=0.2), rounds=3, mode="max")
        >>> value = loss(torch.randn(256, 128), torch.randn(256, 128))
    """

    #: Rounds move all nodes by the messages of all anchors.
    mean_over_anchors = False

    def __init__(
        self,
        loss: GraphLoss | None = None,
        rounds: int = 3,
        step_size: float = 0.005,
        mode: str = "mean",
        stop_gradient: str = "messages",
        channels: int | None = None,
        gather_distributed: bool = False,
    ):
        loss = NTXentLoss() if loss is None else loss
        if not isinstance(getattr(loss, "conv", None), PairConv):
            raise ValueError(f"'loss' must be the energy of a layer (got {describe(loss)})")
        if loss.reduction != "mean":
            raise ValueError(f"'loss' must have the reduction 'mean' (got {loss.reduction!r})")
        if type(loss).project is not GraphLoss.project:
            raise ValueError(f"'loss' must compare rows of unit length (got {type(loss).__name__})")
        if loss.layer() is not loss.conv:
            raise ValueError(
                f"'loss' must have one layer for all rounds, with a temperature that is constant or the parameter of "
                f"that layer (got {type(loss).__name__})"
            )
        conv = JumpingKnowledgeConv(loss.conv, rounds, step_size, mode, stop_gradient, channels)
        super().__init__(conv, gather_distributed)
        self.loss: GraphLoss = loss
        self.min_views: int = loss.min_views
        self.max_views: int | None = loss.max_views

    def graph(self, *views: Tensor, **inputs: Any) -> ContrastGraph:
        """The graph of the loss."""
        return self.loss.graph(*views, **inputs)

    @property
    def inputs(self) -> tuple[str, ...] | None:
        """The keywords of the loss, but for weights: rounds move all nodes by the messages of all anchors."""
        known = self.loss.inputs
        return None if known is None else tuple(name for name in known if name != "weight")

    def check_input(self, name: str, value: Any, n: int, d: int) -> None:
        """See :meth:`GraphLoss.check_input`."""
        self.loss.check_input(name, value, n, d)

    def project_bank(self, bank: Tensor) -> Tensor:
        """The rows of a bank as the loss projects them."""
        return self.loss.project_bank(bank)

    def energy(self, conv: PairConv, z: Tensor, graph: ContrastGraph) -> Tensor:
        """The energy of the rounds, as the loss takes that of its layer."""
        return self.loss.energy(conv, z, graph)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.conv.extra_repr()})"
