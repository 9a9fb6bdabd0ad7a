"""A rule means one thing: on random graphs, what it allows pair by pair is what every layer and diagnostic sees."""

import ast
import math
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from literal_negatives import Literal, in_scope, is_ignored, is_positive, random_graph, repels

from gnnclr import nn
from gnnclr.graph import Negatives
from gnnclr.graph.candidates import similar_candidates
from gnnclr.graph.communities import negative_quality
from gnnclr.graph.explicit_negatives import extra_negatives
from gnnclr.graph.negative_blocks import negative_blocks
from gnnclr.graph.negative_pairs import negative_pairs
from gnnclr.ops.kernels import Gaussian
from gnnclr.report.batch_graph import _strongest

SEEDS = range(40)
TAU = 0.4
#: Layers, their literal energies, and what a graph must lack for them.
LAYERS = {
    "uniformity": (nn.UniformityConv(TAU), lambda one, z: one.uniformity(z, TAU), ""),
    "pair": (nn.ContrastiveConv(TAU), lambda one, z: one.contrast(z, TAU, "pair"), ""),
    "all": (nn.ContrastiveConv(TAU, denominator="all"), lambda one, z: one.contrast(z, TAU, "all"), ""),
    "none": (nn.ContrastiveConv(TAU, denominator="none"), lambda one, z: one.contrast(z, TAU, "none"), ""),
    "tiles": (nn.ContrastiveConv(TAU, impl="tiles"), lambda one, z: one.contrast(z, TAU, "pair"), ""),
    "dense": (nn.ContrastiveConv(TAU, impl="dense"), lambda one, z: one.contrast(z, TAU, "pair"), ""),
    "hard": (nn.HardNegativeConv(TAU, 1.0, 0.1), lambda one, z: one.hard(z, TAU, 1.0, 0.1), "scale"),
    "debiased": (nn.HardNegativeConv(TAU, 0.0, 0.1), lambda one, z: one.hard(z, TAU, 0.0, 0.1), "scale"),
    "walk": (nn.RandomWalkConv(TAU), lambda one, z: one.walk(z, TAU), ""),
    "gaussian": (nn.GaussianUniformityConv(1.5), lambda one, z: one.gaussian(z, 1.5), "scale"),
    "potential": (nn.PotentialConv(Gaussian(2.0)), lambda one, z: one.potential(z), "extra"),
    "triplet": (nn.TripletConv(0.7), lambda one, z: one.triplet(z, 0.7, "all"), "extra"),
    "mean triplet": (nn.TripletConv(0.7, positives="mean"), lambda one, z: one.triplet(z, 0.7, "mean"), "extra"),
}


def close(found, expected, seed):
    """Equal to nearly all digits, on the graph of a seed."""
    torch.testing.assert_close(found, expected.detach(), rtol=1e-9, atol=1e-12, msg=lambda text: f"seed {seed}: {text}")


def every_pair(graph):
    """Candidates [n + m] and anchors [n, 1], to be broadcast."""
    return torch.arange(graph.num_candidates), torch.arange(graph.num_nodes).unsqueeze(1)


def counts(graph):
    """How often each candidate repels each anchor, by what the rule allows or by the listed pairs."""
    allowed = graph.negatives.allows(graph, *every_pair(graph))
    if graph.negative_index is None:
        return allowed.long()
    count = torch.zeros_like(allowed, dtype=torch.long)
    for j, i in graph.negative_index.t().tolist():
        count[i, j] += i != j and (graph.anchor is None or bool(graph.anchor[i]))
    return count * ~is_ignored(graph)


def test_graphs_are_of_all_kinds():
    graphs = [random_graph(seed) for seed in SEEDS]
    for name in ("edge_index", "edge_weight", "anchor", "negative_index", "bank", "ignore_index", "extra"):
        assert 5 < sum(graph.get(name) is not None for graph in graphs) < 38, name
    banks = [graph.bank for graph in graphs if graph.bank is not None]
    assert 5 < sum(bank.view is not None for bank in banks) < len(banks) - 4
    allowed = [graph.negatives.allows(graph, *every_pair(graph)).double().mean() for graph in graphs]
    assert sum(share > 0.2 for share in allowed) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rule_allows_what_a_loop_does(seed):
    graph = random_graph(seed)
    rule, (source, target) = graph.negatives, every_pair(graph)
    assert torch.equal(rule.allows(graph, source, target), repels(graph))
    assert torch.equal(rule.reaches(graph, source, target).expand(len(target), -1), in_scope(graph))
    # As a list of pairs, and as products of anchors and candidates.
    pairs = torch.stack([x.flatten() for x in torch.broadcast_tensors(source, target)])
    assert torch.equal(rule.allows(graph, *pairs), repels(graph).flatten())
    reached = torch.zeros(graph.num_nodes, graph.num_candidates, dtype=torch.long)
    for side in rule.sides(graph):
        anchors = torch.ones(graph.num_nodes, dtype=torch.bool) if side.anchors is None else side.anchors
        part = reached[:, graph.num_nodes :] if side.of_bank else reached[:, : graph.num_nodes]
        part += torch.outer(anchors, torch.ones(part.size(1)) if side.candidates is None else side.candidates).long()
    assert torch.equal(reached, in_scope(graph).long())  # each pair is of one side


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_see_what_the_rule_allows(layer):
    conv, literal, lacks = LAYERS[layer]
    for seed in SEEDS:
        graph = random_graph(seed)
        if graph.extra is not None and lacks:
            graph.extra = replace(graph.extra, scale=None) if lacks == "scale" else None
        one, z = Literal(graph, counts(graph)), graph.x.clone().requires_grad_()
        expected = literal(one, z)
        grad = torch.autograd.grad(expected, z, allow_unused=True, materialize_grads=True)[0]
        energy = conv.energy(z, graph)
        close(energy.detach(), expected, seed)
        close(conv(graph.x, graph), -grad, seed)
        assert torch.equal(torch.autograd.grad(energy, z)[0], -conv(graph.x, graph)), seed


def test_pairs_of_views_see_what_the_rule_allows():
    for seed in SEEDS:
        graph = random_graph(seed)
        graph.bank = None
        if graph.edge_index is not None or graph.num_views < 2:
            graph = random_graph(10_000 + seed)
            graph.bank = None
        total = graph.num_nodes
        for name in ("edge_index", "negative_index", "ignore_index"):
            if graph.get(name) is not None:
                graph[name] = graph[name] % total
        if graph.edge_index is not None:
            graph.edge_index = graph.edge_index[:, graph.edge_index[0] != graph.edge_index[1]]
            graph.edge_weight = None
        graph.extra = None if graph.extra is None else replace(graph.extra, index=graph.extra.index % total)
        if graph.negatives.log_weight is not None:
            a, b = graph.negatives.log_weight
            graph.negatives = replace(graph.negatives, log_weight=(a, b[:total]))
        views = [(a, b) for a in range(graph.num_views) for b in range(graph.num_views)]
        conv = nn.AsymmetricConv(nn.ContrastiveConv(TAU), dict.fromkeys(views, (1.0, 0.5)))
        z, energy = graph.x.clone().requires_grad_(), 0.0
        for a, b in views:
            part, count = copy(graph), counts(graph)
            part.edge_index, part.edge_weight = of_views(graph, graph.positives, a, b), None
            if graph.extra is not None:
                source, target = graph.extra.index
                part.extra = graph.extra.keep((graph.view[source] == b) & (graph.view[target] == a))
            count = count * torch.outer(graph.view == a, graph.view == b)
            energy = energy + Literal(part, count).contrast(z, TAU, "pair") / len(views)
        grad = torch.autograd.grad(energy, z, allow_unused=True, materialize_grads=True)[0]
        close(conv.energy(graph.x, graph), energy, seed)
        close(conv(graph.x, graph), -grad / 2, seed)


def of_views(graph, edges, a, b):
    return edges[:, (graph.view[edges[0]] == b) & (graph.view[edges[1]] == a)]


@pytest.mark.parametrize("seed", SEEDS)
def test_listed_pairs_and_blocks_are_those_of_the_rule(seed):
    graph = random_graph(seed)
    count = counts(graph)
    assert torch.equal(negative_pairs(graph), (count > 0).nonzero().t().flip(0))
    graph.negative_index = None
    walked, n = torch.zeros_like(count), graph.num_nodes
    for block in negative_blocks(graph.x, graph, graph.negatives):
        anchors = block.of_anchors(torch.arange(n))
        of_bank = block.bank is not None
        candidates = block.of_candidates(n + torch.arange(len(block.bank)) if of_bank else torch.arange(n))
        part = torch.ones(len(anchors), len(candidates), dtype=torch.long)
        if block.groups is not None:
            part[block.groups[0].unsqueeze(1) == block.groups[1]] = 0
        if block.pairs is not None:
            part[block.pairs[0], block.pairs[1]] = 0
        assert not block.symmetric or torch.equal(part, part.t())
        walked[anchors.unsqueeze(1), candidates] += part
    assert torch.equal(walked, counts(graph))


@pytest.mark.parametrize("seed", SEEDS)
def test_similar_candidates_are_negatives_of_other_samples(seed):
    graph = random_graph(seed)
    n = graph.num_nodes
    source, target = similar_candidates(graph, 99)
    found = torch.zeros(n, graph.num_candidates, dtype=torch.bool).index_put_((target, source), torch.tensor(True))
    assert int(found.sum()) == source.numel() and bool((target.diff() >= 0).all())
    expected = (counts(graph) > 0) & ~is_positive(graph)
    for key in (graph.sample, graph.group):
        expected[:, :n] &= key.unsqueeze(1) != key
    assert torch.equal(found, expected)
    score = (graph.x[target] * torch.cat([graph.x, *([] if graph.bank is None else [graph.bank.rows])])[source]).sum(1)
    assert bool((score.diff()[target.diff() == 0] <= 1e-12).all())  # nearest first


@pytest.mark.parametrize("seed", SEEDS)
def test_quality_counts_what_the_rule_leaves(seed):
    graph = random_graph(seed)
    if graph.negative_index is not None:  # of which no rule decides, nor its weights
        graph.negatives = replace(graph.negatives, log_weight=None)
    n, one = graph.num_nodes, Literal(graph, counts(graph))
    labels = torch.randint(-1, 2, (int(graph.sample.max()) + 1,), generator=torch.Generator().manual_seed(seed))
    label = labels[graph.sample]
    every = in_scope(graph)[:, :n] & (graph.sample.unsqueeze(1) != graph.sample)
    every &= (label >= 0).unsqueeze(1) & (label >= 0)
    left = (one.count[:, :n] > 0) * one.log_weight[:, :n].exp()
    if one.extra is not None:
        more = torch.zeros_like(one.count).index_put_(
            (one.extra[1], one.extra[0]), one.extra_log_weight.exp(), accumulate=True
        )
        left = left + more[:, :n]
    left, same = left * every, every & (label.unsqueeze(1) == label)
    total, alike, kept, wrong = (float(x.sum()) for x in (every, same, left, left * same))
    expected = {
        "precision": (alike - wrong, total - kept),
        "recall": (alike - wrong, alike),
        "false_negative_rate": (wrong, kept),
        "base_rate": (alike, total),
        "removed": (total - kept, total),
    }
    quality = negative_quality(graph, labels)
    for name, (part, whole) in expected.items():
        ratio = part / whole if abs(whole) > 1e-9 else math.nan
        assert getattr(quality, name) == pytest.approx(ratio, nan_ok=True), name


@pytest.mark.parametrize("seed", SEEDS)
def test_the_picture_draws_what_repels(seed):
    graph = random_graph(seed)
    n, one = graph.num_nodes, Literal(graph, (counts(graph) > 0).long())
    s = graph.x @ one.nodes(graph.x).t() / TAU
    weight = one.count * (s + one.log_weight).exp()
    if one.extra is not None:
        more = (one.scale * s[one.extra[1], one.extra[0]] + one.extra_log_weight).exp()
        weight = weight.index_put((one.extra[1], one.extra[0]), more, accumulate=True)
    share = (weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-300))[:, :n]
    share = (share + share.t()).triu(1)
    pairs, strengths = _strongest(graph, graph.x, TAU, 1000)
    assert sorted(map(tuple, pairs)) == sorted(map(tuple, share.nonzero().tolist()))
    for (i, j), strength in zip(pairs, strengths):
        assert strength == pytest.approx(float(share[i, j] / share.max()), rel=1e-6)


def test_extra_negatives_repel_anchors_only():
    for seed in SEEDS:
        graph, expected = random_graph(seed), None
        if graph.extra is not None:
            expected = [
                (j, i)
                for j, i in graph.extra.index.t().tolist()
                if i != j and (graph.anchor is None or graph.anchor[i])
            ]
        found = extra_negatives(graph)
        assert (None if found is None else list(map(tuple, found.index.t().tolist()))) == expected


@pytest.mark.parametrize("scope", ["all", "other", "same"])
@pytest.mark.parametrize("candidates", [None, (), (0,), (0, 1)])
def test_a_rule_between_two_views(scope, candidates):
    rule = Negatives(scope=scope, candidates=candidates)
    for seed in range(5):
        graph = random_graph(seed)
        graph.anchor = graph.negative_index = None
        graph.negatives = rule
        for a in range(2):
            for b in range(2):
                part = rule.between(a, b).allows(graph, *every_pair(graph))[:, : graph.num_nodes]
                expected = rule.allows(graph, *every_pair(graph))[:, : graph.num_nodes]
                own = graph.view == a
                assert torch.equal(part[own], (expected & (graph.view == b))[own])


def test_nobody_else_reads_a_rule():
    """Scope, candidates and exclusion of a rule, views and candidates of a bank: other files ask for what they mean."""
    package = Path(__file__).parent.parent / "gnnclr"
    read, allowed = [], {package / "graph" / name for name in ("negatives.py", "bank.py")}
    for path in sorted(set(package.rglob("*.py")) - allowed):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute):
                continue
            owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
            rule = owner in ("rule", "negatives") and node.attr in ("scope", "candidates", "exclude")
            bank = owner == "bank" and node.attr in ("view", "candidate")
            if rule or bank or node.attr == "exclude":
                read.append(f"{path.relative_to(package)}:{node.lineno} {owner}.{node.attr}")
    assert not read


def test_positives_are_made_explicit_in_one_place():
    """By the graph, which everyone asks; what makes the edges of a new graph may call the same function."""
    package = Path(__file__).parent.parent / "gnnclr"
    users = {path.name for path in package.rglob("*.py") if "group_pairs(" in path.read_text(encoding="utf-8")}
    assert users == {"pairs.py", "contrast_graph.py", "augmentation_graph.py"}
