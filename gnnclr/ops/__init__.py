"""Numerics: softmax messages over all pairs in linear memory. Knows no graph."""

from gnnclr.ops.logsumexp import append_log_weight, pair_logsumexp
from gnnclr.ops.pair_softmax import PairSoftmax

__all__ = ["PairSoftmax", "append_log_weight", "pair_logsumexp"]
