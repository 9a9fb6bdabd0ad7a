"""Probes of frozen features, measures of their geometry, tables of results."""

from gnnclr.eval.baselines import evaluate_features
from gnnclr.eval.geometry import alignment, effective_rank, negative_similarity, positive_similarity, uniformity
from gnnclr.eval.knn_probe import knn_probe
from gnnclr.eval.linear_probe import linear_probe
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.split import Split
from gnnclr.eval.table import results_table

__all__ = [
    "ProbeResult",
    "Split",
    "alignment",
    "effective_rank",
    "evaluate_features",
    "knn_probe",
    "linear_probe",
    "negative_similarity",
    "positive_similarity",
    "results_table",
    "uniformity",
]
