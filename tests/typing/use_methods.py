"""Methods, probes and runs as they are called; pyright reads this file, and nothing runs it."""

from typing import Any

from torch import Tensor, nn
from torch_geometric.data import Data
from typing_extensions import assert_type

from gnnclr.eval import Split, clustering_scores, knn_probe, linear_probe
from gnnclr.graph import AddKNNPositives
from gnnclr.losses import NTXentLoss
from gnnclr.node import GRACE, GCNEncoder, NodeMethod, grace_view, sbm
from gnnclr.train import Run, available_recipes, parse_recipe, read_metrics
from gnnclr.vision import BatchViews, MLPHead, SimCLR, SlimResNet, VisionMethod


def nodes(data: Data) -> None:
    method: NodeMethod = GRACE(GCNEncoder(8, 16, 16), loss=NTXentLoss(0.4), views=(grace_view(0.2, 0.1), grace_view()))
    assert_type(method.training_step_loss(data), tuple[Tensor, dict[str, Tensor]])
    assert_type(method.embed(data), Tensor)
    assert_type(method(data), Tensor)
    assert_type(sbm(30, 3, 8), Data)
    method.embed("cora")  # pyright: ignore[reportArgumentType]
    GRACE(encoder=4)  # pyright: ignore[reportArgumentType]


def images(images: Tensor, views: BatchViews, encoder: nn.Module) -> None:
    method: VisionMethod = SimCLR(encoder, MLPHead(64, 128, 32), views, rewire=AddKNNPositives(k=1))
    assert_type(method(images), Tensor)
    assert_type(method.encode(images), Tensor)
    SimCLR(SlimResNet(), views)  # pyright: ignore[reportCallIssue]


def probes(x: Tensor, y: Tensor) -> None:
    split = Split.stratified(y, train=0.2)
    assert_type(split, Split)
    assert_type(linear_probe(x, y, split).test, float)
    assert_type(knn_probe(x, y, split, k=(1, 5)).val, float)
    assert_type(clustering_scores(x, y).nmi, float)
    linear_probe(x, y)  # pyright: ignore[reportCallIssue]
    knn_probe(x, y, split, k=5)  # pyright: ignore[reportArgumentType]


def runs() -> None:
    assert_type(available_recipes(), list[str])
    run = Run(parse_recipe("grace-sbm", ["--trainer.max_epochs=1"]), "runs")
    assert_type(run.fit(), dict[str, Any])
    assert_type(read_metrics("runs/metrics.csv"), list[dict[str, float]])
    parse_recipe(3)  # pyright: ignore[reportArgumentType]
