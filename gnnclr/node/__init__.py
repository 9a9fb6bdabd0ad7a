"""Contrastive learning of node embeddings: views, encoders, data and methods for graphs."""

from gnnclr.node.adjacency import normalized_adjacency
from gnnclr.node.data import SparseFeatures, check_node_data
from gnnclr.node.datasets import load_node_data
from gnnclr.node.gcn import GCNEncoder, GCNLayer
from gnnclr.node.grace import GRACE
from gnnclr.node.propagate import propagate_features
from gnnclr.node.sbm import sbm
from gnnclr.node.sparse import csr_tensor, spmm
from gnnclr.node.views import EdgeDrop, FeatureMask, grace_view

__all__ = [
    "GRACE",
    "EdgeDrop",
    "FeatureMask",
    "GCNEncoder",
    "GCNLayer",
    "SparseFeatures",
    "check_node_data",
    "csr_tensor",
    "grace_view",
    "load_node_data",
    "normalized_adjacency",
    "propagate_features",
    "sbm",
    "spmm",
]
