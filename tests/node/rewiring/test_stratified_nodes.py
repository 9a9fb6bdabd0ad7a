import pytest
import torch

from gnnclr.graph.communities import EdgeCommunities
from gnnclr.losses import BarlowTwinsLoss
from gnnclr.node import CSGCL, GCA, GRACE, GCNEncoder, ProGCL, StratifiedNodes, TwoView, sbm

DATA = sbm(120, 3, 16)


class Thirds:
    """Communities that are known, and a count of the searches."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x, edge_index):
        self.calls += 1
        return torch.arange(x.size(0)) % 3


def test_shares():
    find = Thirds()
    draw = StratifiedNodes(find, 30)
    seen = [draw(DATA) for _ in range(4)]
    for nodes in seen:
        assert nodes.unique().numel() == 30 and (nodes % 3).bincount().tolist() == [10, 10, 10]
    assert find.calls == 1 and not seen[0].equal(seen[1])


def test_follows_the_global_generator():
    draw = StratifiedNodes(Thirds(), 30)
    torch.manual_seed(3)
    once = draw(DATA)
    torch.manual_seed(3)
    assert draw(DATA).equal(once)


def test_all_nodes_where_there_are_fewer():
    assert StratifiedNodes(Thirds(), 120)(DATA) is None and StratifiedNodes(Thirds())(DATA) is None


@pytest.mark.parametrize("kind", [GRACE, GCA, CSGCL, ProGCL, TwoView])
def test_as_batch_size_of_a_method(kind):
    find = StratifiedNodes(EdgeCommunities("louvain", min_size=5), 40)
    options = {"loss": BarlowTwinsLoss()} if kind is TwoView else {}
    method = kind(GCNEncoder(DATA.num_features, 8, 8), batch_size=find, **options)
    seen, project = [], method.project
    method.project = lambda data, nodes: seen.append(nodes) or project(data, nodes)
    loss, _ = method.training_step_loss(DATA)
    loss.backward()
    assert loss.isfinite() and seen[0].unique().numel() == 40


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: StratifiedNodes(None), "'find' must be callable"),
        (lambda: StratifiedNodes(Thirds(), 0), "'size' must be"),
        (lambda: GRACE(GCNEncoder(4, 8, 8), batch_size=0), "'batch_size' must be"),
        (lambda: GRACE(GCNEncoder(4, 8, 8), batch_size="all"), "'batch_size' must be"),
        (lambda: StratifiedNodes(lambda x, edges: x, 30)(DATA), "'community' must be"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
