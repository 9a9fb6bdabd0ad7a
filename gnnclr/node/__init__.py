"""Contrastive learning of node embeddings: views, encoders, data and methods for graphs."""

from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.node.adaptive import AdaptiveEdgeDrop, AdaptiveFeatureMask, drop_probability, gca_view
from gnnclr.node.adjacency import normalized_adjacency
from gnnclr.node.afgrl import AFGRL
from gnnclr.node.batches import CommunityLoader, RandomNodeLoader, SubgraphLoader
from gnnclr.node.beta_mixture import BetaMixture
from gnnclr.node.bgrl import BGRL
from gnnclr.node.cca_ssg import CCASSG
from gnnclr.node.centrality import centrality
from gnnclr.node.checkpointed import Checkpointed
from gnnclr.node.community_views import CommunityEdgeDrop, CommunityFeatureMask, community_strength, csgcl_view
from gnnclr.node.costa import COSTA
from gnnclr.node.csgcl import CSGCL
from gnnclr.node.data import SparseFeatures, check_node_data
from gnnclr.node.datasets import load_node_data
from gnnclr.node.deca import deca_loss
from gnnclr.node.decoupled import Decoupled
from gnnclr.node.dgi import DGI
from gnnclr.node.diffusion import PPRDiffusion, ppr_matrix
from gnnclr.node.discriminator import BilinearDiscriminator
from gnnclr.node.ego_nets import EgoNets
from gnnclr.node.fitted_rewiring import FittedRewiring
from gnnclr.node.gat import GATEncoder
from gnnclr.node.gca import GCA
from gnnclr.node.gcn import GCNEncoder, GCNLayer
from gnnclr.node.gcool import GCooL
from gnnclr.node.ggd import GGD
from gnnclr.node.grace import GRACE
from gnnclr.node.graph_acl import GraphACL
from gnnclr.node.graph_mae import GraphMAE, scaled_cosine_error
from gnnclr.node.induced_subgraphs import InducedSubgraphs
from gnnclr.node.layer_wise import layer_wise_embed
from gnnclr.node.method import NodeMethod
from gnnclr.node.mlp import FeatureLinear, MLPEncoder
from gnnclr.node.multiplex import MultiplexData, load_multiplex_data
from gnnclr.node.multiplex_contrast import MultiplexContrast
from gnnclr.node.multiplex_gcool import MultiplexGCooL
from gnnclr.node.multiplex_scores import MultiplexScores, multiplex_scores
from gnnclr.node.mvgrl import MVGRL
from gnnclr.node.neighbor_batches import neighbor_batches
from gnnclr.node.ppr_features import ppr_features
from gnnclr.node.progcl import ProGCL
from gnnclr.node.propagate import propagate_features
from gnnclr.node.propagated_mlp import PropagatedMLP
from gnnclr.node.propagated_neighbours import PropagatedNeighbours
from gnnclr.node.pyg_encoder import PyGEncoder
from gnnclr.node.sbm import sbm
from gnnclr.node.sgc import SGCEncoder
from gnnclr.node.sgrl import SGRL
from gnnclr.node.shuffle import FeatureShuffle
from gnnclr.node.sparse import csr_tensor, spmm
from gnnclr.node.sparse_sbm import sparse_sbm
from gnnclr.node.stratified_nodes import StratifiedNodes
from gnnclr.node.sugrl import SUGRL
from gnnclr.node.svd_features import SVDFeatures
from gnnclr.node.tfidf_features import TfidfFeatures
from gnnclr.node.two_view import TwoView
from gnnclr.node.unit_features import UnitFeatures
from gnnclr.node.views import EdgeDrop, FeatureMask, grace_view
from gnnclr.node.with_features import WithFeatures

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
    "BetaMixture",
    "BilinearDiscriminator",
    "Checkpointed",
    "CommunityEdgeDrop",
    "CommunityFeatureMask",
    "CommunityLoader",
    "Decoupled",
    "EdgeDrop",
    "EgoNets",
    "FeatureLinear",
    "FeatureMask",
    "FeatureShuffle",
    "FittedRewiring",
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
    "NodeMethod",
    "PPRDiffusion",
    "ProGCL",
    "PropagatedMLP",
    "PropagatedNeighbours",
    "PyGEncoder",
    "RandomNodeLoader",
    "SGCEncoder",
    "SVDFeatures",
    "SparseFeatures",
    "StratifiedNodes",
    "SubgraphLoader",
    "TfidfFeatures",
    "TwoView",
    "UnitFeatures",
    "WithFeatures",
    "centrality",
    "check_node_data",
    "community_strength",
    "csgcl_view",
    "csr_tensor",
    "deca_loss",
    "drop_probability",
    "gca_view",
    "grace_view",
    "layer_wise_embed",
    "load_multiplex_data",
    "load_node_data",
    "multiplex_scores",
    "neighbor_batches",
    "normalized_adjacency",
    "ppr_features",
    "ppr_matrix",
    "propagate_features",
    "sbm",
    "scaled_cosine_error",
    "sparse_sbm",
    "spmm",
]
