"""Likely false negatives by similarity: candidates so near to an anchor that they may be of its class."""

import math

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.candidates import FEATURES, check_support, similar_candidates
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.pair_exceptions import add_extra_negatives, ignore_negatives, pair_log_weight
from gnnclr.graph.pairs import is_among
from gnnclr.ops.check import check_choice, check_count, check_number, check_positive


class DropFalseNegatives(BaseTransform):
    r"""Takes the most similar candidates of each anchor from its negatives, the elimination of `"Boosting Contrastive
    Self-Supervised Learning with False Negative Cancellation" <https://arxiv.org/abs/2011.11765>`_.

    .. math:: \mathcal{N}^{-}(i) \leftarrow \mathcal{N}^{-}(i) \setminus \{ j : \cos(\mathbf{x}_i, \mathbf{x}_j) > t \}

    for the :math:`k` nearest, those above a threshold :math:`t`, or both; of other samples, also from a bank that
    repels. Positives stay as they are, and so does every pair that is no negative already, so a second transform finds
    the next nearest. The pairs are the ``ignore_index`` of the graph, exact in linear memory. The relation has a
    direction: :math:`j` may be among the nearest of :math:`i` and not the other way round.

    Args:
        k (int, optional): Candidates of each anchor; ``0`` changes nothing. (default: ``None``, all above the
            threshold, at most 128 of each anchor)
        threshold (float, optional): The cosine similarity that they must exceed. (default: ``None``)
        features (str, optional): The rows that are compared: ``"x"``, the embeddings, or ``"features"``, the
            output of the encoder, where the graph has it. (default: ``"x"``)
        support (str, optional): How similarities to all views of an anchor's sample in the batch are joined, the
            support set of the paper: ``"max"`` or ``"mean"``. (default: ``None``, the anchor's own alone)

    Raises:
        ValueError: If neither ``k`` nor ``threshold`` is given.
    """

    def __init__(
        self,
        k: int | None = None,
        threshold: float | None = None,
        features: str = "x",
        support: str | None = None,
    ):
        check_count("k", k, least=0, optional=True)
        check_number("threshold", threshold, optional=True)
        if k is None and threshold is None:
            raise ValueError("'k' or 'threshold' must be given (got neither)")
        self.k: int | None = k
        self.threshold: float | None = threshold
        self.features: str = check_choice("features", features, FEATURES)
        self.support: str | None = check_support(support)

    def find(self, data: ContrastGraph) -> Tensor:
        """The likely false negatives of a graph, as candidate and anchor [2, e]."""
        return similar_candidates(data, self.k, self.threshold, self.features, self.support)

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph without its likely false negatives."""
        found = self.find(data)
        return ignore_negatives(data, found) if found.size(1) else data

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)}" for name in ("k", "threshold") if getattr(self, name) is not None]
        if self.features != "x":
            shown.append(f"features={self.features!r}")
        if self.support is not None:
            shown.append(f"support={self.support!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class WeighFalseNegatives(DropFalseNegatives):
    r"""Weighs the most similar candidates of each anchor by :math:`\rho` among its negatives: those that
    :class:`DropFalseNegatives` takes, in part.

    A weight of one changes nothing, and a small one is near to dropping. The pairs are ignored, and put back as extra
    negatives of log-weight :math:`\log \rho`, beside the log-weight by the rule of the graph; log-weights that are
    added to the rule later do not reach them.

    Args:
        k (int, optional): Candidates of each anchor; ``0`` changes nothing. (default: ``None``, all above the
            threshold, at most 128 of each anchor)
        threshold (float, optional): The cosine similarity that they must exceed. (default: ``None``)
        weight (float, optional): The weight :math:`\rho > 0`. (default: ``0.5``)
        features (str, optional): The rows that are compared, ``"x"`` or ``"features"``. (default: ``"x"``)
        support (str, optional): ``"max"`` or ``"mean"`` over the views of an anchor's sample. (default: ``None``)
    """

    def __init__(
        self,
        k: int | None = None,
        threshold: float | None = None,
        weight: float = 0.5,
        features: str = "x",
        support: str | None = None,
    ):
        super().__init__(k, threshold, features, support)
        self.weight: float = float(check_positive("weight", weight))

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with its likely false negatives weighed."""
        found = self.find(data)
        if found.size(1) == 0:
            return data
        pairs = found
        if data.negative_index is not None:  # a pair may be there more than once
            pairs = data.negative_index[:, is_among(data.negative_index, found, data.num_nodes)]
        dtype = torch.promote_types(data[self.features].dtype, torch.float32)
        log_weight = torch.full((pairs.size(1),), math.log(self.weight), dtype=dtype, device=pairs.device)
        given = pair_log_weight(data, pairs, dtype)
        ignore_negatives(data, found)
        return add_extra_negatives(data, pairs, log_weight=log_weight if given is None else log_weight + given)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, weight={self.weight:g})"
