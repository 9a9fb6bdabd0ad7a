"""Which methods take subgraphs for the graph, and that the others say so."""

import copy
import pickle
from functools import partial

import pytest
import torch
from contracts.discovery import cases
from contracts.node_method import NodeMethodContract
from torch import nn
from torch_geometric.nn import MLP
from torch_geometric.transforms import Compose

from gnnclr.graph import AddNeighborPositives
from gnnclr.graph.communities import EdgeCommunities, ExcludeCommunity, louvain
from gnnclr.node import (
    BGRL,
    CSGCL,
    GRACE,
    Decoupled,
    FeatureMask,
    FittedRewiring,
    GCNEncoder,
    PropagatedMLP,
    RandomNodeLoader,
    WithFeatures,
    csgcl_view,
    sbm,
)
from gnnclr.node.methods.step_graph import step_graph
from gnnclr.train import NodeData
from gnnclr.train.method_parts import method_parts
from gnnclr.train.subgraphs import check_takes_subgraphs

WIDTH = 16
DATA = sbm(60, 3, WIDTH, degree=8.0)
WIDE = sbm(60, 3, NodeMethodContract.in_channels, degree=8.0)
CASES = cases("node", NodeMethodContract)


def label(case):
    return case.__name__.removeprefix("Test")


def in_batches():
    data = NodeData("sbm", transform=lambda _: DATA, loader=partial(RandomNodeLoader, batch_size=31))
    data.setup("fit")
    return data


def encoder():
    return GCNEncoder(WIDTH, 8, 8)


def projector():
    return MLP([8, 8, 8], norm=None)


def fitted():
    return FittedRewiring(EdgeCommunities(), ExcludeCommunity)


REWIRED = {
    "alone": lambda: GRACE(encoder(), projector(), rewire=fitted()),
    "in Compose": lambda: GRACE(encoder(), projector(), rewire=Compose([Compose([fitted()])])),
    "of a part": lambda: WithFeatures(GRACE(encoder(), projector(), rewire=fitted())),
}
REFUSE = {
    "CSGCL": lambda: CSGCL(encoder(), views=(FeatureMask(0.1), FeatureMask(0.1))),
    "CommunityFeatureMask": lambda: BGRL(encoder(), views=(csgcl_view(), FeatureMask(0.1))),
    "GRACE with a 'batch_size'": lambda: GRACE(encoder(), batch_size=10),
    "Decoupled with a 'batch_size'": lambda: Decoupled(PropagatedMLP(WIDTH, 8, 8)),
}


@pytest.mark.parametrize("case", [case for case in CASES if not case.takes_subgraphs], ids=label)
def test_methods_that_say_so_are_refused(case):
    with pytest.raises(ValueError, match=r"'data\.loader' must be none for"):
        check_takes_subgraphs(case().make())


@pytest.mark.parametrize("case", [case for case in CASES if case.takes_subgraphs], ids=label)
def test_methods_train_on_subgraphs(case):
    torch.manual_seed(0)
    method = check_takes_subgraphs(case().make())
    before = [p.clone() for p in method.parameters()]
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1)
    for batch in RandomNodeLoader(WIDE, batch_size=31):
        optimizer.zero_grad()
        loss, _ = method.training_step_loss(batch)
        loss.backward()
        optimizer.step()
        method.after_optimizer_step()
        assert bool(loss.isfinite())
    assert any(not torch.equal(a, b) for a, b in zip(before, method.parameters()))
    assert method.embed(WIDE).size(0) == 60


@pytest.mark.parametrize("name", REFUSE)
def test_methods_of_the_whole_graph_are_refused(name):
    method = REFUSE[name]()
    with pytest.raises(ValueError, match=rf"'data\.loader' must be none for {name}"):
        check_takes_subgraphs(method)
    data = in_batches()
    with pytest.raises(ValueError, match=r"'data\.loader' must be none"):
        data.check(method)
    whole = NodeData("sbm", transform=lambda _: DATA)
    whole.setup("fit")
    whole.check(method)


@pytest.mark.parametrize(
    "rule",
    [lambda: ExcludeCommunity(DATA.y), lambda: AddNeighborPositives(DATA.edge_index)],
    ids=["communities", "neighbors"],
)
def test_rules_for_the_nodes_of_the_whole_graph_know_those_of_a_batch(rule):
    batch = next(iter(RandomNodeLoader(DATA, batch_size=31)))
    seen = []

    def rewire(graph):
        seen.append(rule()(graph))
        return seen[-1]

    torch.manual_seed(0)
    method = check_takes_subgraphs(GRACE(encoder(), projector(), rewire=rewire))
    method.training_step_loss(batch)
    assert torch.equal(seen[0].sample_id, batch.n_id.repeat(2))
    del batch.n_id
    with pytest.raises(ValueError, match=r"'data\.sample_id' say"):
        method.training_step_loss(batch)


@pytest.mark.parametrize("name", REWIRED)
def test_rewirings_see_the_whole_graph(name):
    method = REWIRED[name]()
    with pytest.raises(ValueError, match=r"'data\.loader' must be none for FittedRewiring"):
        check_takes_subgraphs(method)
    data = in_batches()
    data.check(method)
    (part,) = (part for part in method_parts(method) if isinstance(part, FittedRewiring))
    expected = louvain(DATA.edge_index, 60)
    for batch in data.batches():
        method.training_step_loss(batch)
        graph = part(step_graph([batch.x, batch.x], batch, part))
        same = expected[batch.n_id].repeat(2)
        assert torch.equal(graph.group.unsqueeze(1) == graph.group, same.unsqueeze(1) == same)
    (copied,) = (part for part in method_parts(copy.deepcopy(method)) if isinstance(part, FittedRewiring))
    assert copied is not part and copied._whole is data.graph
    sent = pickle.loads(pickle.dumps(part))
    assert not sent.bound


def test_methods_that_are_sent_are_told_the_graph_again():
    data = in_batches()
    method = REWIRED["alone"]()
    data.start_epoch(method, 0)
    assert method.rewire._whole is data.graph


def test_rewirings_of_the_whole_graph_begin_their_epochs():
    seeds = []

    def find(x, edge_index, seed):
        seeds.append((x.size(0), seed))
        return louvain(edge_index, x.size(0), seed=seed)

    rewire = FittedRewiring(find, ExcludeCommunity, every=1).bind(DATA)
    batch = next(iter(RandomNodeLoader(DATA, batch_size=31)))
    for epoch in range(2):
        rewire.start_epoch(epoch)
        for _ in range(2):
            step_graph([batch.x, batch.x], batch, rewire)
    assert seeds == [(60, 0), (60, 1)]


def test_methods_of_others_are_taken():
    class Other(nn.Module):
        batch_size = None

    assert isinstance(check_takes_subgraphs(Other()), Other)
