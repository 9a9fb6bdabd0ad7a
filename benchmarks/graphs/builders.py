"""The methods of the benchmark, by name.

A builder takes the graph, which has no labels, and the settings of ``benchmarks/graphs/node.json``, and returns a
method with ``training_step_loss(data)``, ``embed(data)`` and, if it needs one, ``after_optimizer_step()``. A method
without a builder is built and trained as its recipe says. To search its settings, write a builder, name it in
:data:`METHODS`, and give its settings in the file.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import MLP

from benchmarks.graphs.recipes import build_recipe, methods_of_recipes
from gnnclr.graph import AddNeighborPositives
from gnnclr.losses import BarlowTwinsLoss, CCASSGLoss, InfoNCELoss, NTXentLoss, VICRegLoss
from gnnclr.node import (
    AFGRL,
    BGRL,
    CCASSG,
    COSTA,
    CSGCL,
    DGI,
    GCA,
    GGD,
    GRACE,
    MVGRL,
    SGRL,
    SUGRL,
    Decoupled,
    EdgeDrop,
    FeatureMask,
    FittedRewiring,
    GATEncoder,
    GCNEncoder,
    GCooL,
    GraphACL,
    GraphMAE,
    MLPEncoder,
    ProGCL,
    PropagatedMLP,
    PropagatedNeighbors,
    TwoView,
    csgcl_view,
    gca_view,
    grace_view,
    ppr_matrix,
)

Builder = Callable[[Data, Mapping[str, Any]], nn.Module]


def gcn(data: Data, s: Mapping[str, Any]) -> GCNEncoder:
    return GCNEncoder(data.num_features, s["hidden"], s["out"], s["layers"], s["act"], s["norm"], s["act_last"])


def mlp(data: Data, s: Mapping[str, Any]) -> MLPEncoder:
    return MLPEncoder(data.num_features, s["hidden"], s["out"], s["layers"], s["act"], s["dropout"], s["norm"])


def projector(s: Mapping[str, Any]) -> MLP | None:
    act = s.get("projector_act", "elu")
    return MLP([s["out"], *s["projector"]], act=act, norm=None) if s["projector"] else None


def views(s: Mapping[str, Any]) -> tuple:
    return tuple(grace_view(edge, feature) for edge, feature in zip(s["edge"], s["feature"], strict=True))


def adaptive_views(s: Mapping[str, Any]) -> tuple:
    pairs = zip(s["edge"], s["feature"], strict=True)
    return tuple(gca_view(edge, feature, s["centrality"]) for edge, feature in pairs)


def grace(data: Data, s: Mapping[str, Any]) -> nn.Module:
    loss = NTXentLoss(s["temperature"])
    return GRACE(gcn(data, s), projector(s), views=views(s), loss=loss, batch_size=s["batch_size"])


def gca(data: Data, s: Mapping[str, Any]) -> nn.Module:
    loss = NTXentLoss(s["temperature"])
    return GCA(gcn(data, s), projector(s), views=adaptive_views(s), loss=loss, batch_size=s["batch_size"])


def gcool(data: Data, s: Mapping[str, Any]) -> nn.Module:
    names = ("num_communities", "temperature", "similarity", "deca_weight", "gamma", "stride", "alpha_rate")
    own = {name: s[name] for name in names}
    channels = [s["out"], *s["projector"]][-1]
    return GCooL(gcn(data, s), projector(s), views=adaptive_views(s), channels=channels, **own)


def costa(data: Data, s: Mapping[str, Any]) -> nn.Module:
    return COSTA(gcn(data, s), projector(s), views=views(s), loss=InfoNCELoss(s["temperature"]), ratio=s["ratio"])


def csgcl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    pairs = zip(s["edge"], s["feature"], strict=True)
    own = {name: s[name] for name in ("temperature", "gamma", "start", "batch_size")}
    community_views = tuple(csgcl_view(edge, feature) for edge, feature in pairs)
    return CSGCL(gcn(data, s), projector(s), views=community_views, **own)


def progcl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    own = {name: s[name] for name in ("temperature", "start", "weight", "num_negatives", "batch_size")}
    return ProGCL(gcn(data, s), projector(s), views=adaptive_views(s), **own)


def gbt(data: Data, s: Mapping[str, Any]) -> nn.Module:
    redundancy = 1 / [s["out"], *s["projector"]][-1]
    return TwoView(gcn(data, s), BarlowTwinsLoss(redundancy), projector(s), views=views(s))


def vicreg(data: Data, s: Mapping[str, Any]) -> nn.Module:
    return TwoView(gcn(data, s), VICRegLoss(), projector(s), views=views(s))


def ccassg(data: Data, s: Mapping[str, Any]) -> nn.Module:
    encoder = {"gcn": gcn, "mlp": mlp}[s["encoder"]](data, s)
    return CCASSG(encoder, CCASSGLoss(s["decorrelation"]), views=views(s))


def bgrl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    predictor = MLP([s["out"], s["predictor"], s["out"]], act="prelu", norm=None)
    return BGRL(gcn(data, s), predictor, views=views(s), momentum=s["momentum"], steps=s["epochs"])


def afgrl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    own = {name: s[name] for name in ("k", "num_clusters", "num_runs", "momentum")}
    return AFGRL(gcn(data, s), steps=s["epochs"], **own)


def sgrl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    return SGRL(gcn(data, s), hops=s["hops"], momentum=s["momentum"])


def graphacl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    return GraphACL(gcn(data, s), temperature=s["temperature"], momentum=s["momentum"])


def dgi(data: Data, s: Mapping[str, Any]) -> nn.Module:
    return DGI(gcn(data, s))


def mvgrl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    return MVGRL(gcn(data, s), gcn(data, s), diffusion=partial(ppr_matrix, alpha=s["alpha"], k=s["k"]))


def ggd(data: Data, s: Mapping[str, Any]) -> nn.Module:
    return GGD(gcn(data, s), view=FeatureMask(s["feature"]), hops=s["hops"])


def sugrl(data: Data, s: Mapping[str, Any]) -> nn.Module:
    own = {name: s[name] for name in ("margins", "weights", "num_negatives", "num_neighbors")}
    sizes = (data.num_features, s["hidden"], s["out"], s["layers"])
    # The authors drop features, and nothing between layers.
    return SUGRL(MLPEncoder(*sizes, s["act"], norm=s["norm"], in_dropout=s["dropout"]), **own)


def graphmae(data: Data, s: Mapping[str, Any]) -> nn.Module:
    rates = {name: s[name] for name in ("dropout", "attention_dropout")}
    encoder = GATEncoder(data.num_features, s["hidden"], s["out"], s["layers"], s["heads"], s["act"], **rates)
    decoder = GATEncoder(s["out"], s["hidden"], data.num_features, 1, heads=1, act_last=False, **rates)
    own = {name: s[name] for name in ("mask_rate", "replace_rate", "exponent")}
    return GraphMAE(encoder, decoder, data.num_features, **own)


def decoupled(data: Data, s: Mapping[str, Any]) -> nn.Module:
    sizes = (data.num_features, s["hidden"], s["out"], s["layers"])
    encoder = PropagatedMLP(*sizes, alpha=s["alpha"], hops=s["hops"], act=s["act"], dropout=s["dropout"])
    own = {name: s[name] for name in ("copies", "batch_size", "feature_p")}
    if s.get("k"):
        own["rewire"] = FittedRewiring(PropagatedNeighbors(s["k"]), partial(AddNeighborPositives, weight=s["weight"]))
    return Decoupled(encoder, projector(s), view=EdgeDrop(s["edge"]), loss=NTXentLoss(s["temperature"]), **own)


METHODS: dict[str, Builder] = {
    "grace": grace,
    "gca": gca,
    "gcool": gcool,
    "csgcl": csgcl,
    "progcl": progcl,
    "costa": costa,
    "gbt": gbt,
    "vicreg": vicreg,
    "ccassg": ccassg,
    "bgrl": bgrl,
    "afgrl": afgrl,
    "sgrl": sgrl,
    "graphacl": graphacl,
    "dgi": dgi,
    "mvgrl": mvgrl,
    "ggd": ggd,
    "sugrl": sugrl,
    "graphmae": graphmae,
    "decoupled": decoupled,
    "decoupled-knn": decoupled,
    "decoupled-lsa": decoupled,
}
METHODS |= {name: build_recipe for name in methods_of_recipes() if name not in METHODS}
