"""Probes of frozen features, measures of their geometry, tables of results."""

from gnnclr.eval.baselines import evaluate_features
from gnnclr.eval.clustering import ClusteringResult, clustering_scores
from gnnclr.eval.few_labels import few_labels
from gnnclr.eval.few_shot import FewShotResult, few_shot
from gnnclr.eval.geometry import (
    alignment,
    effective_rank,
    negative_similarity,
    positive_similarity,
    uniformity,
    view_measures,
)
from gnnclr.eval.knn_probe import knn_probe
from gnnclr.eval.linear_head import LinearHead
from gnnclr.eval.linear_of_any_size import linear_of_any_size
from gnnclr.eval.linear_probe import linear_probe
from gnnclr.eval.link_prediction import LinkResult, LinkSplit, link_prediction
from gnnclr.eval.multilabel_probe import MultilabelScores, multilabel_probe
from gnnclr.eval.neighborhood import neighborhood_overlap
from gnnclr.eval.paired import Difference, paired_difference
from gnnclr.eval.prototype_tuning import PrototypeTuning
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.retrieval import RetrievalResult, retrieval
from gnnclr.eval.retrieval_recall import retrieval_recall
from gnnclr.eval.robust_accuracy import RobustResult, robust_accuracy
from gnnclr.eval.sgd_probe import sgd_probe
from gnnclr.eval.similarity_search import similarity_search
from gnnclr.eval.split import Split
from gnnclr.eval.support_transport import SupportTransport
from gnnclr.eval.table import results_table
from gnnclr.eval.wasserstein import wasserstein_uniformity
from gnnclr.eval.zero_shot import zero_shot_accuracy

__all__ = [
    "ClusteringResult",
    "Difference",
    "FewShotResult",
    "LinearHead",
    "LinkResult",
    "LinkSplit",
    "MultilabelScores",
    "ProbeResult",
    "PrototypeTuning",
    "RetrievalResult",
    "RobustResult",
    "Split",
    "SupportTransport",
    "alignment",
    "clustering_scores",
    "effective_rank",
    "evaluate_features",
    "few_labels",
    "few_shot",
    "knn_probe",
    "linear_of_any_size",
    "linear_probe",
    "link_prediction",
    "multilabel_probe",
    "negative_similarity",
    "neighborhood_overlap",
    "paired_difference",
    "positive_similarity",
    "results_table",
    "retrieval",
    "retrieval_recall",
    "robust_accuracy",
    "sgd_probe",
    "similarity_search",
    "uniformity",
    "view_measures",
    "wasserstein_uniformity",
    "zero_shot_accuracy",
]
