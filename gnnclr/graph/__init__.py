"""A contrastive batch becomes a graph."""

from gnnclr.graph.augmentation import augmentation_graph
from gnnclr.graph.bank import FeatureBank
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.index import KNNIndex, KNNOutput
from gnnclr.graph.knn import knn_graph
from gnnclr.graph.negatives import Negatives
from gnnclr.graph.neighbours import AddNeighbourPositives
from gnnclr.graph.rewire import AddKNNPositives

__all__ = [
    "AddKNNPositives",
    "AddNeighbourPositives",
    "ContrastGraph",
    "FeatureBank",
    "KNNIndex",
    "KNNOutput",
    "Negatives",
    "augmentation_graph",
    "knn_graph",
]
