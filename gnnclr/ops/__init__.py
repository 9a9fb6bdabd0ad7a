"""Numerics: softmax and sums over all pairs, and the messages they send, in linear memory. Knows no graph."""

from gnnclr.ops.kernel_softmax import KernelSoftmax
from gnnclr.ops.logsumexp import append_log_weight, pair_logsumexp
from gnnclr.ops.pair_softmax import PairSoftmax
from gnnclr.ops.pair_sum import PairSum

__all__ = ["KernelSoftmax", "PairSoftmax", "PairSum", "append_log_weight", "pair_logsumexp"]
