"""Losses as they are called; pyright reads this file, and nothing runs it. Marked lines must be refused."""

from torch import Tensor, nn
from typing_extensions import assert_type

from gnnclr.graph import ContrastGraph, FeatureBank, Negatives, augmentation_graph
from gnnclr.losses import (
    BarlowTwinsLoss,
    CLIPLoss,
    CommunityNTXentLoss,
    GraphLoss,
    InfoNCELoss,
    JumpingKnowledgeLoss,
    NegativeCosineLoss,
    NTXentLoss,
    PrototypeLoss,
    ReSCLoss,
    SigLIPLoss,
    SupConLoss,
    TripletLoss,
)
from gnnclr.nn import ContrastiveConv


def views(z: Tensor, y: Tensor) -> None:
    loss = NTXentLoss(temperature=0.2)
    assert_type(loss(z, z), Tensor)
    assert_type(loss(z, z, z, labels=y), Tensor)
    assert_type(loss.forward(z, z), Tensor)
    assert_type(loss.graph(z, z, labels=y), ContrastGraph)
    assert_type(CLIPLoss(nn.Parameter(z))(z, z), Tensor)
    assert_type(TripletLoss()(z, z, labels=None), Tensor)
    assert_type(SupConLoss()(z, labels=y), Tensor)
    assert_type(loss([z, z], labels=y), Tensor)
    assert_type(CLIPLoss()(z, z, logit_scale=z), Tensor)
    assert_type(SigLIPLoss()(z, z, logit_scale=z, logit_bias=-3.0), Tensor)
    assert_type(loss(z, z, weight=y), Tensor)
    assert_type(NTXentLoss(reduction="none")(z, z, labels=y, weight=y), Tensor)
    assert_type(loss.temperature, float | Tensor)
    loss(z)  # pyright: ignore[reportArgumentType]
    loss(z, z, lables=y)  # pyright: ignore[reportCallIssue]
    loss(z, z, labels=3)  # pyright: ignore[reportArgumentType]
    loss(z, z, temperature=0.1)  # pyright: ignore[reportCallIssue]
    NTXentLoss(temperature="warm")  # pyright: ignore[reportArgumentType]
    NTXentLoss(temprature=0.2)  # pyright: ignore[reportCallIssue]


def graphs(loss: GraphLoss, z: Tensor, y: Tensor) -> None:
    graph = augmentation_graph([z, z], negatives=Negatives(scope="other"))
    assert_type(loss(z, graph), Tensor)
    assert_type(ReSCLoss()(z, graph), Tensor)
    assert_type(InfoNCELoss()(z, graph), Tensor)
    loss(z, graph, labels=y)  # pyright: ignore[reportArgumentType]
    loss(graph, z)  # pyright: ignore[reportCallIssue, reportArgumentType]


def other_arguments(z: Tensor, y: Tensor, bank: FeatureBank) -> None:
    assert_type(CommunityNTXentLoss(0.5)(z, z, community=y), Tensor)
    assert_type(ReSCLoss()(z, z, community=y, other_community=y), Tensor)
    assert_type(PrototypeLoss()(z, z, z), Tensor)
    assert_type(InfoNCELoss()(query=z, key=z, negatives=bank), Tensor)
    assert_type(InfoNCELoss()(z, z, z), Tensor)
    assert_type(InfoNCELoss()(z, z, [z, z], in_batch=True), Tensor)
    assert_type(JumpingKnowledgeLoss(NTXentLoss())(z, z, labels=y), Tensor)
    assert_type(InfoNCELoss()(z, z, z, weight=y), Tensor)
    assert_type(NegativeCosineLoss()(z, z, weight=y), Tensor)
    TripletLoss()(z, z, weight=y)  # pyright: ignore[reportCallIssue]
    BarlowTwinsLoss()(z, z, labels=y)  # pyright: ignore[reportCallIssue]
    NegativeCosineLoss()(z, z, labels=y)  # pyright: ignore[reportCallIssue]
    ReSCLoss()(z, z, z, community=y)  # pyright: ignore[reportCallIssue]
    InfoNCELoss()(z, z, negatives=0.5)  # pyright: ignore[reportArgumentType]


class Weighted(GraphLoss):
    """A loss of one's own has the arguments of its own graph."""

    def graph(self, z0: Tensor, z1: Tensor, /, *, weight: Tensor) -> ContrastGraph:
        graph = augmentation_graph([z0, z1])
        graph.edge_weight = weight
        return graph


def own_loss(z: Tensor, y: Tensor) -> None:
    loss = Weighted(ContrastiveConv(0.5))
    assert_type(loss(z, z, weight=y), Tensor)
    loss(z, z)  # pyright: ignore[reportArgumentType]
    loss(z, z, labels=y)  # pyright: ignore[reportCallIssue]
