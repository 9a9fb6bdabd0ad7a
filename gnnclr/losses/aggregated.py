"""Targets that a graph layer aggregates from positives."""

import inspect
import warnings
from copy import copy, deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.info_nce import InfoNCELoss
from gnnclr.ops.check import check_matrix, describe


class AggregatedLoss(GraphLoss):
    r"""Contrasts every node with a target that any layer of PyG aggregates from its positives.

    .. math::
        \mathbf{t} = \operatorname{conv}(\mathrm{sg}(\mathbf{z}), \mathcal{E}^{+}), \qquad
        \mathcal{L} = \ell(\mathbf{z}, \mathbf{t})

    where :math:`\ell` finds the target of a node among the targets of all nodes that are no positives of it. With
    ``SimpleConv(aggr="mean")`` and two views the targets are the other views, held constant; with neighbors as further
    positives (:class:`~gnnclr.graph.AddKNNPositives`) they are means of neighborhoods. Layers with parameters, such as
    ``GATv2Conv`` or ``TransformerConv`` (learned multi-head attention), are trained by the gradient of their targets,
    and embeddings by that of the queries. Negatives keep both from collapse; with a loss that has none, a layer that is
    learned may collapse.

    A layer must not hand a node its own embedding: self-loops and root weights have to be switched off. The loss tries
    the layer once, and warns. Weights of positives are passed to layers whose ``forward`` has an ``edge_weight``;
    others do not see them. ``GCNConv`` normalizes by the degree of sources too, of which rows of a bank have none: give
    it ``normalize=False`` there.

    Args:
        conv (torch.nn.Module): A layer ``conv(x, edge_index)`` or ``conv(x, edge_index, edge_weight)`` whose output is
            as wide as its input.
        loss (GraphLoss, optional): The loss of queries and targets. (default: ``InfoNCELoss(0.2)``)
        detach (bool, optional): Whether sources are held constant. (default: ``True``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)

    Shapes:
        - **input:** two or more views :math:`(n, d)` of any length, optional keyword ``labels`` :math:`(n)`; or stacked
          views :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph` whose rule has neither a scope nor candidates
        - **output:** scalar

    Example:
        >>> conv = GATv2Conv(128, 128, heads=4, concat=False, add_self_loops=False)
        >>> value = AggregatedLoss(conv)(torch.randn(256, 128), torch.randn(256, 128))
    """

    def __init__(
        self,
        conv: nn.Module,
        loss: GraphLoss | None = None,
        detach: bool = True,
        gather_distributed: bool = False,
    ):
        if not isinstance(conv, nn.Module):
            raise ValueError(f"'conv' must be a layer of PyG (got {describe(conv)})")
        super().__init__(conv, gather_distributed)
        self.loss: GraphLoss = InfoNCELoss(0.2) if loss is None else loss
        if not isinstance(self.loss, GraphLoss) or self.loss.gather_distributed:
            raise ValueError(f"'loss' must be a GraphLoss that does not gather by itself (got {describe(loss)})")
        if self.loss.reduction != "mean":
            raise ValueError(f"'loss' must have the reduction 'mean' (got {self.loss.reduction!r})")
        self.mean_over_anchors: bool = self.loss.mean_over_anchors
        self.detach: bool = detach
        self._weighted = "edge_weight" in inspect.signature(conv.forward).parameters
        self._tried = False

    def project(self, x: Tensor) -> Tensor:
        """Where the loss compares embeddings, and the layer takes them from."""
        return self.loss.project(x)

    def project_bank(self, bank: Tensor) -> Tensor:
        """The same of the rows of a bank."""
        return self.loss.project_bank(bank)

    def targets(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        """The target of each node [n, d]; of nodes without positives, the output of the layer for no neighbors.

        Args:
            x (Tensor): Embeddings of any length [n, d].
            graph (ContrastGraph): The graph, with its positives as edges.
        """
        graph = copy(graph)
        if graph.bank is not None:
            graph.bank = replace(graph.bank, rows=self.project_bank(graph.bank.rows))
        return self._aggregate(self.conv, self.project(x.detach() if self.detach else x), graph)

    def _aggregate(self, conv: nn.Module, source: Tensor, graph: ContrastGraph) -> Tensor:
        n, d = source.shape
        if graph.bank is not None:
            source = torch.cat([source, graph.bank.rows.to(source)])
        if not self._tried:
            self._warn_of_itself(source)
        edge_index, weights = graph.edge_index, []
        if graph.edge_weight is not None:
            attracts = graph.edge_weight > 0  # a layer without weights would take the others for full ones
            edge_index = edge_index[:, attracts]
            weights = [_weights_like(source, graph.edge_weight[attracts])] if self._weighted else []
        return check_matrix("conv(x, edge_index)", conv(source, edge_index, *weights)[:n], rows=n, cols=d)

    def energy(self, conv: nn.Module, z: Tensor, graph: ContrastGraph) -> Tensor:
        """The loss of projected rows and their targets."""
        graph = graph.with_edges()
        target = self._aggregate(conv, z.detach() if self.detach else z, graph)
        owner = graph.has_positive.nonzero().view(-1)
        return self.loss(torch.cat([z, target[owner].to(z)]), target_graph(graph, owner))

    def _warn_of_itself(self, x: Tensor) -> None:
        self._tried = True
        if _sees_itself(self.conv, x):
            options = ("add_self_loops", "root_weight", "residual")
            found = (name for module in self.conv.modules() for name in options if getattr(module, name, False) is True)
            option = next(found, None)
            cure = "choose a layer without self-loops and root weights" if option is None else f"set {option}=False"
            warnings.warn(
                f"'conv' hands each node its own embedding, so the target gives the answer away: {cure} "
                f"(got {self.conv})",
                stacklevel=2,
            )

    def extra_repr(self) -> str:
        """Whether sources are constant."""
        return ", ".join(text for text in (super().extra_repr(), "" if self.detach else "detach=False") if text)


def _weights_like(source: Tensor, edge_weight: Tensor) -> Tensor:
    """Positive weights in the type of embeddings, for a layer that takes them as they are."""
    weight = edge_weight.to(source)
    if weight.device.type == "cpu" and not bool(((weight > 0) & weight.isfinite()).all()):
        span = f"{float(edge_weight.min()):.0e} to {float(edge_weight.max()):.0e}"
        raise ValueError(f"'edge_weight' must hold positive numbers of {source.dtype} for a layer (got {span})")
    return weight


def target_graph(graph: ContrastGraph, owner: Tensor) -> ContrastGraph:
    """The bipartite graph of nodes and targets: node ``i`` is attracted by its own target, and repelled by those of the
    nodes that are its negatives.

    Args:
        graph (ContrastGraph): The graph of the nodes, with its positives as edges.
        owner (Tensor): The node of each target [k]; targets are nodes from ``num_nodes`` on.
    """
    n, rule, device = graph.num_nodes, graph.negatives, owner.device
    if rule.looks_at_views:
        raise ValueError(f"'graph.negatives' must have neither a scope nor candidates (got {rule})")
    node, key = torch.arange(n, device=device), torch.arange(n, n + owner.numel(), device=device)
    place = torch.full((graph.num_candidates,), -1, device=device)  # where candidates of the graph have gone
    place[owner], place[n:] = key, torch.arange(graph.num_candidates - n, device=device) + n + key.numel()
    both = torch.cat([node, owner])
    log_weight = rule.log_weight
    if log_weight is not None:
        a, b = log_weight
        log_weight = a[both], torch.cat([b[both], b[n:]])
    out = ContrastGraph(
        edge_index=torch.stack([key, owner]),
        sample=both,
        view=(torch.arange(both.numel(), device=device) >= n).long(),
        group=rule.groups(graph)[both],
        anchor=torch.zeros_like(both, dtype=torch.bool).index_fill_(0, owner, True),
        negatives=Negatives(candidates=(1,), bank=rule.bank, log_weight=log_weight),
        bank=graph.bank,
        check=False,
    )
    if graph.anchor is not None:
        out.anchor[:n] &= graph.anchor
    if graph.anchor_weight is not None:
        out.anchor_weight = pad(graph.anchor_weight, (0, owner.numel()))
    out.reduction = graph.reduction
    ignored = rule.listed(graph) if graph.negative_index is None else graph.ignore_index
    if ignored is not None:
        out.ignore_index, _ = _moved(ignored, place)
    if graph.negative_index is not None:
        out.negative_index, _ = _moved(graph.negative_index, place)
    if graph.extra is not None:
        index, kept = _moved(graph.extra.index, place)
        out.extra = replace(graph.extra.keep(kept), index=index)
    return out


def _moved(pairs: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of candidate and anchor with the candidates where they have gone, and which pairs are left: not those of a
    node with itself, whose target is its positive."""
    kept = (place[pairs[0]] >= 0) & (pairs[0] != pairs[1])
    return torch.stack([place[pairs[0]], pairs[1]])[:, kept], kept


def _sees_itself(conv: nn.Module, like: Tensor) -> bool:
    """Whether the output at a node with one neighbor depends on the node's own features, which a target must not."""
    conv = deepcopy(conv).eval()
    edge_index = torch.tensor([[1, 0, 3, 2], [0, 1, 2, 3]], device=like.device)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):  # what is lazy draws its weights here
        x = torch.randn(4, like.size(1), generator=torch.Generator().manual_seed(0)).to(like)
        before = conv(x, edge_index)[0]
        after = conv(torch.cat([-x[:1], x[1:]]), edge_index)[0]
    return not torch.allclose(before, after, rtol=1e-4, atol=1e-6)
