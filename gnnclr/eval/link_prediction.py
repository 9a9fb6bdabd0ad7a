"""Link prediction: whether similar embeddings are the ends of edges that training never saw."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import remove_self_loops, to_undirected

from gnnclr.eval.labels import check_grid
from gnnclr.eval.non_edges import pair_number, sample_non_edges
from gnnclr.eval.unit_scale import float32_features, unit_scale
from gnnclr.graph.weighted_edges import check_weighted_edges, edges_of
from gnnclr.ops.check import check_choice, check_edges, check_index, check_matrix, check_number, describe
from gnnclr.ops.unit_rows import unit_rows

SCORES = ("cosine", "dot")
PAIRS = ("val_positive", "val_negative", "test_positive", "test_negative")


@dataclass(frozen=True, eq=False)
class LinkSplit:
    """A graph to train on, and held-out edges beside as many pairs without an edge.

    A pair is the same in both directions: it is in one of the sets only, and there once.

    Args:
        train (Data): The graph without the edges of the other two sets, undirected. Encoders see nothing else.
        val_positive (Tensor): Held-out edges to choose settings by, each in one direction.
        val_negative (Tensor): Pairs of different nodes without an edge in the whole graph.
        test_positive (Tensor): Held-out edges to report on.
        test_negative (Tensor): Pairs without an edge.

    Shapes:
        - **pairs:** integer :math:`(2, p)`

    Raises:
        ValueError: If a set is empty, has a pair twice or a node with itself, or shares a pair with another set or with
            the edges of ``train``, in any direction.
    """

    train: Data
    val_positive: Tensor
    val_negative: Tensor
    test_positive: Tensor
    test_negative: Tensor

    def __post_init__(self) -> None:
        for name in PAIRS:
            pairs = check_index(name, getattr(self, name), 2, "p")
            if pairs.numel() == 0:
                raise ValueError(f"'{name}' must not be empty (got {describe(pairs)})")
            object.__setattr__(self, name, pairs)
        if not isinstance(self.train, Data):
            raise ValueError(f"'train' must be a Data with edges 'edge_index' (got {describe(self.train)})")
        self._check_disjoint()

    def _check_disjoint(self) -> None:
        """Raises unless a pair, in any direction, is in one set, once."""
        sets = {name: getattr(self, name).cpu().long() for name in PAIRS}
        n = 1 + max(int(pairs.max()) for pairs in sets.values())
        n = max(n, self.train.num_nodes or 0)
        edges = check_index("train.edge_index", self.train.edge_index, 2, "e").cpu().long()
        known = {"train.edge_index": pair_number(remove_self_loops(edges)[0], n)}
        for name, pairs in sets.items():
            number, loops = pair_number(pairs, n), int((pairs[0] == pairs[1]).sum())
            if loops:
                raise ValueError(f"'{name}' must hold pairs of different nodes (got {loops} of a node with itself)")
            if twice := number.numel() - number.unique().numel():
                raise ValueError(f"'{name}' must hold each pair once, in one direction (got {twice} repeats)")
            for other, seen in known.items():
                if shared := int(torch.isin(number, seen).sum()):
                    raise ValueError(f"'{name}' and '{other}' must share no pair, in any direction (got {shared})")
            known[name] = number

    @classmethod
    def random(cls, data: Data, val: float = 0.05, test: float = 0.1, seed: int = 0) -> "LinkSplit":
        """Holds out random edges, by :class:`torch_geometric.transforms.RandomLinkSplit`, and as many pairs without an
        edge, uniformly.

        Edges are made undirected and counted once, and self-loops are dropped, since the other direction or a copy of
        a held-out edge would give it away. Attributes of edges are dropped with them.

        Args:
            data (Data): The whole graph.
            val (float, optional): Share of the edges to choose by. (default: ``0.05``)
            test (float, optional): Share of the edges to report on. (default: ``0.1``)
            seed (int, optional): Seed of edges and pairs; the global generators are left alone. (default: ``0``)

        Raises:
            ValueError: If shares do not fit, edges do not index the nodes, or the graph has too few edges or too few
                pairs without one.
        """
        from torch_geometric.transforms import RandomLinkSplit

        if check_number("val", val, above=0, below=1) + check_number("test", test, above=0, below=1) >= 1:
            raise ValueError(f"'val' and 'test' must be positive shares whose sum is below 1 (got {val} and {test})")
        if not isinstance(data, Data):
            raise ValueError(f"'data' must be a Data with edges 'edge_index' (got {describe(data)})")
        n = data.num_nodes
        edge_index, weight = check_weighted_edges(edges_of(data), n, "data.edge_index")
        device = edge_index.device
        edge_index, weight = _simple(edge_index.cpu(), None if weight is None else weight.cpu(), n)
        edges = edge_index.size(1) // 2
        if min(int(val * edges), int(test * edges)) < 1:
            raise ValueError(f"'data' must have edges for train, val and test (got {edges} undirected edges)")
        free, wanted = n * (n - 1) // 2 - edges, int(val * edges) + int(test * edges)
        if free < wanted:
            raise ValueError(
                f"'data' must have a pair without an edge for each one held out (got {free} of these pairs for "
                f"{wanted} edges); hold out less"
            )

        # Its negatives may be each other's other direction.
        split = RandomLinkSplit(val, test, True, add_negative_train_samples=False, neg_sampling_ratio=0.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            parts = split(Data(edge_index=edge_index, edge_weight=weight, num_nodes=n))
        positives = [part.edge_label_index for part in parts[1:]]
        negatives = sample_non_edges(edge_index, n, wanted, seed).split([p.size(1) for p in positives], dim=1)
        train = copy.copy(data)
        for key in [key for key in train.to_dict() if key.startswith("edge_")]:
            del train[key]
        edge_index, weight = _simple(parts[0].edge_index, parts[0].edge_weight, n)
        train.edge_index = edge_index.to(device)
        if weight is not None:
            train.edge_weight = weight.to(device)
        train.num_nodes = n
        return cls(train, positives[0], negatives[0], positives[1], negatives[1])

    def __repr__(self) -> str:
        sizes = (self.train.num_edges // 2, self.val_positive.size(1), self.test_positive.size(1))
        return "LinkSplit(train={}, val={}, test={})".format(*sizes)


def _simple(edge_index: Tensor, weight: Tensor | None, num_nodes: int) -> tuple[Tensor, Tensor | None]:
    """Both directions of each edge, with the mean of its weights, and without self-loops."""
    edge_index, weight = remove_self_loops(edge_index, weight)
    return to_undirected(edge_index, weight, num_nodes, reduce="mean")


@dataclass(frozen=True)
class LinkResult:
    """How well the similarity of embeddings tells held-out edges from pairs without one.

    Args:
        auc (float): Area under the ROC curve on the test pairs: 0.5 at chance level, 1 if all edges come first.
        ap (float): Average precision on the test pairs: 0.5 at chance level for as many negatives as positives.
        val_auc (float): The area on the validation pairs.
        score (str): The similarity that they chose.
    """

    auc: float
    ap: float
    val_auc: float
    score: str


def link_prediction(z: Tensor, split: LinkSplit, *, scores: Sequence[str] = SCORES) -> LinkResult:
    r"""Ranks held-out edges and pairs without an edge by the similarity of their ends, as in `"Variational Graph
    Auto-Encoders" <https://arxiv.org/abs/1611.07308>`_; nothing is trained.

    .. math:: s_{ij} = \cos(\mathbf{z}_i, \mathbf{z}_j) \text{ or } \langle \mathbf{z}_i, \mathbf{z}_j \rangle

    The similarity is the one with the largest area under the ROC curve on the validation pairs (on a tie the first);
    the test pairs are looked at once, with it. Memory grows with nodes and pairs.

    Args:
        z (Tensor): Embeddings of all nodes, by an encoder that was trained and run on ``split.train``.
        split (LinkSplit): The held-out pairs.
        scores (sequence of str, optional): Any of ``"cosine"`` and ``"dot"``. (default: both)

    Shapes:
        - **z:** :math:`(n, d)`

    Raises:
        ValueError: If embeddings are not finite, there is not one for each node, or pairs do not index them.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if not isinstance(split, LinkSplit):
        raise ValueError(f"'split' must be a LinkSplit (got {describe(split)})")
    check_matrix("z", z, finite=True, rows=split.train.num_nodes)
    for score in check_grid("scores", scores):
        check_choice("scores", score, SCORES)
    for name in PAIRS:
        check_edges(getattr(split, name), z.size(0), f"split.{name}")
    z = float32_features(z)
    z, unit = unit_scale(z), unit_rows(z)

    def measure(metric: Callable[..., float], score: str, positive: Tensor, negative: Tensor) -> float:
        return rank_pairs(metric, unit if score == "cosine" else z, positive, negative)

    val = {score: measure(roc_auc_score, score, split.val_positive, split.val_negative) for score in scores}
    best = max(val, key=val.get)
    auc, ap = (
        measure(metric, best, split.test_positive, split.test_negative)
        for metric in (roc_auc_score, average_precision_score)
    )
    return LinkResult(auc=auc, ap=ap, val_auc=val[best], score=best)


def rank_pairs(metric: Callable[..., float], rows: Tensor, positive: Tensor, negative: Tensor) -> float:
    """A metric of the ranking of pairs by the dot product of their rows.

    Args:
        metric (callable): A metric of scikit-learn that takes which pairs are positive, and their scores.
        rows (Tensor): Embeddings [n, d] on the CPU.
        positive (Tensor): Edges [2, p].
        negative (Tensor): Pairs without an edge [2, q].
    """
    pairs = torch.cat([positive, negative], dim=1).cpu()
    similarity = torch.cat([(rows[i] * rows[j]).sum(dim=1) for i, j in pairs.split(1 << 16, dim=1)])
    truth = torch.arange(pairs.size(1)) < positive.size(1)
    return float(metric(truth.numpy(), similarity.numpy()))


def centered_auc(z: Tensor, positive: Tensor, negative: Tensor) -> float:
    r"""Area under the ROC curve of the cosine of centered embeddings, whose mean over all
    rows is taken off: a direction that all embeddings share would hide the others.

    .. math:: s_{ij} = \cos(\mathbf{z}_i - \bar{\mathbf{z}}, \mathbf{z}_j - \bar{\mathbf{z}})

    Args:
        z (Tensor): Embeddings [n, d].
        positive (Tensor): Edges [2, p].
        negative (Tensor): Pairs without an edge [2, q].
    """
    from sklearn.metrics import roc_auc_score

    return rank_pairs(roc_auc_score, unit_rows(z - z.mean(dim=0)), positive, negative)
