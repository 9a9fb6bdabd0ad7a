"""Contrastive learning of node embeddings: views, encoders, data and methods for graphs."""

from gnnclr.eval.multiplex_scores import MultiplexScores, multiplex_scores
from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.node.choice.propagation import PropagationChoice, choose_propagation
from gnnclr.node.datasets.data import SparseFeatures, check_node_data
from gnnclr.node.datasets.load import load_node_data
from gnnclr.node.datasets.multiplex import MultiplexData, load_multiplex_data
from gnnclr.node.datasets.sbm import sbm
from gnnclr.node.datasets.sparse_sbm import sparse_sbm
from gnnclr.node.encoders.blocks_mlp import BlocksMLP
from gnnclr.node.encoders.checkpointed import Checkpointed
from gnnclr.node.encoders.gat import GATEncoder
from gnnclr.node.encoders.gcn import GCNEncoder, GCNLayer
from gnnclr.node.encoders.layer_wise import layer_wise_embed
from gnnclr.node.encoders.mlp import FeatureLinear, MLPEncoder
from gnnclr.node.encoders.propagated_mlp import PropagatedMLP
from gnnclr.node.encoders.pyg_encoder import PyGEncoder
from gnnclr.node.encoders.sgc import SGCEncoder
from gnnclr.node.encoders.signed import SignedEncoder
from gnnclr.node.loader.batches import CommunityLoader, RandomNodeLoader, SubgraphLoader
from gnnclr.node.loader.induced_subgraphs import InducedSubgraphs
from gnnclr.node.loader.neighbor_batches import neighbor_batches
from gnnclr.node.loader.neighborhoods import NeighborhoodLoader
from gnnclr.node.methods.afgrl import AFGRL
from gnnclr.node.methods.auto_graph import AutoGraph
from gnnclr.node.methods.beta_mixture import BetaMixture
from gnnclr.node.methods.bgrl import BGRL
from gnnclr.node.methods.cca_ssg import CCASSG
from gnnclr.node.methods.costa import COSTA
from gnnclr.node.methods.csgcl import CSGCL
from gnnclr.node.methods.decoupled import Decoupled
from gnnclr.node.methods.dgi import DGI
from gnnclr.node.methods.discriminator import BilinearDiscriminator
from gnnclr.node.methods.gca import GCA
from gnnclr.node.methods.gcool import GCooL, deca_loss
from gnnclr.node.methods.ggd import GGD
from gnnclr.node.methods.grace import GRACE
from gnnclr.node.methods.graph_acl import GraphACL
from gnnclr.node.methods.graph_mae import GraphMAE, scaled_cosine_error
from gnnclr.node.methods.method import NodeMethod
from gnnclr.node.methods.multiplex_contrast import MultiplexContrast
from gnnclr.node.methods.multiplex_gcool import MultiplexGCooL
from gnnclr.node.methods.mvgrl import MVGRL
from gnnclr.node.methods.progcl import ProGCL
from gnnclr.node.methods.sgrl import SGRL
from gnnclr.node.methods.sugrl import SUGRL
from gnnclr.node.methods.two_view import TwoView
from gnnclr.node.methods.with_features import WithFeatures
from gnnclr.node.rewiring.fitted_rewiring import FittedRewiring
from gnnclr.node.rewiring.propagated_neighbors import PropagatedNeighbors
from gnnclr.node.rewiring.stratified_nodes import StratifiedNodes
from gnnclr.node.sparse.adjacency import normalized_adjacency
from gnnclr.node.sparse.csr import csr_tensor, spmm
from gnnclr.node.sparse.propagate import ppr_features, propagate_features
from gnnclr.node.sparse.propagation_blocks import propagated_blocks
from gnnclr.node.transforms.adaptive import AdaptiveEdgeDrop, AdaptiveFeatureMask, drop_probability, gca_view
from gnnclr.node.transforms.centrality import centrality
from gnnclr.node.transforms.community_views import (
    CommunityEdgeDrop,
    CommunityFeatureMask,
    community_strength,
    csgcl_view,
)
from gnnclr.node.transforms.compact_features import CompactFeatures
from gnnclr.node.transforms.diffusion import PPRDiffusion, ppr_matrix
from gnnclr.node.transforms.ego_nets import EgoNets
from gnnclr.node.transforms.features import SVDFeatures, TfidfFeatures, UnitFeatures
from gnnclr.node.transforms.fitted import FittedTransform
from gnnclr.node.transforms.label_edges import label_edges
from gnnclr.node.transforms.shuffle import FeatureShuffle
from gnnclr.node.transforms.views import EdgeDrop, FeatureMask, grace_view

__all__ = [
    "AFGRL",
    "BGRL",
    "CCASSG",
    "COSTA",
    "CSGCL",
    "DGI",
    "GCA",
    "GGD",
    "GRACE",
    "MVGRL",
    "SGRL",
    "SUGRL",
    "AdaptiveEdgeDrop",
    "AdaptiveFeatureMask",
    "AutoGraph",
    "BetaMixture",
    "BilinearDiscriminator",
    "BlocksMLP",
    "Checkpointed",
    "CommunityEdgeDrop",
    "CommunityFeatureMask",
    "CommunityLoader",
    "CompactFeatures",
    "Decoupled",
    "EdgeDrop",
    "EgoNets",
    "FeatureLinear",
    "FeatureMask",
    "FeatureShuffle",
    "FittedRewiring",
    "FittedTransform",
    "GATEncoder",
    "GCNEncoder",
    "GCNLayer",
    "GCooL",
    "GraphACL",
    "GraphMAE",
    "InducedSubgraphs",
    "MLPEncoder",
    "MomentumEncoder",
    "MultiplexContrast",
    "MultiplexData",
    "MultiplexGCooL",
    "MultiplexScores",
    "NeighborhoodLoader",
    "NodeMethod",
    "PPRDiffusion",
    "ProGCL",
    "PropagatedMLP",
    "PropagatedNeighbors",
    "PropagationChoice",
    "PyGEncoder",
    "RandomNodeLoader",
    "SGCEncoder",
    "SVDFeatures",
    "SignedEncoder",
    "SparseFeatures",
    "StratifiedNodes",
    "SubgraphLoader",
    "TfidfFeatures",
    "TwoView",
    "UnitFeatures",
    "WithFeatures",
    "centrality",
    "check_node_data",
    "choose_propagation",
    "community_strength",
    "csgcl_view",
    "csr_tensor",
    "deca_loss",
    "drop_probability",
    "gca_view",
    "grace_view",
    "label_edges",
    "layer_wise_embed",
    "load_multiplex_data",
    "load_node_data",
    "multiplex_scores",
    "neighbor_batches",
    "normalized_adjacency",
    "ppr_features",
    "ppr_matrix",
    "propagate_features",
    "propagated_blocks",
    "sbm",
    "scaled_cosine_error",
    "sparse_sbm",
    "spmm",
]
