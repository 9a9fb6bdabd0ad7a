"""A contrastive batch becomes a graph."""

from gnnclr.graph.augmentation_graph import augmentation_graph
from gnnclr.graph.bank import Bank
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.data_neighbors import DataNeighbors
from gnnclr.graph.extra_negatives import ExtraNegatives
from gnnclr.graph.feature_bank import FeatureBank
from gnnclr.graph.index import KNNIndex, KNNOutput
from gnnclr.graph.knn import knn_graph
from gnnclr.graph.listed_pairs import mask_graph, pair_graph
from gnnclr.graph.negatives import Negatives
from gnnclr.graph.rewiring.attract import AttractFalseNegatives
from gnnclr.graph.rewiring.data_neighbor_rewiring import DataNeighborRewiring
from gnnclr.graph.rewiring.drop import DropNegatives, DropPositives
from gnnclr.graph.rewiring.false_negatives import DropFalseNegatives, WeighFalseNegatives
from gnnclr.graph.rewiring.hard_negatives import MixHardNegatives
from gnnclr.graph.rewiring.knn_positives import AddKNNPositives
from gnnclr.graph.rewiring.memory import AddMemoryPositives
from gnnclr.graph.rewiring.neighbors import AddNeighborPositives
from gnnclr.graph.rewiring.random_walk import RandomWalkPositives
from gnnclr.graph.rewiring.swap import SwapPositives
from gnnclr.graph.rewiring.transform_positives import TransformPositives
from gnnclr.graph.weighted_edges import WeightedEdges, edges_of

__all__ = [
    "AddKNNPositives",
    "AddMemoryPositives",
    "AddNeighborPositives",
    "AttractFalseNegatives",
    "Bank",
    "ContrastGraph",
    "DataNeighborRewiring",
    "DataNeighbors",
    "DropFalseNegatives",
    "DropNegatives",
    "DropPositives",
    "ExtraNegatives",
    "FeatureBank",
    "KNNIndex",
    "KNNOutput",
    "MixHardNegatives",
    "Negatives",
    "RandomWalkPositives",
    "SwapPositives",
    "TransformPositives",
    "WeighFalseNegatives",
    "WeightedEdges",
    "augmentation_graph",
    "edges_of",
    "knn_graph",
    "mask_graph",
    "pair_graph",
]
