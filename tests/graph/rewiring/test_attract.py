import pytest
import torch
import torch_geometric.transforms as T
from contracts.rewiring import RewiringContract
from torch.nn.functional import normalize

from gnnclr.graph import AddKNNPositives, AttractFalseNegatives, DropFalseNegatives, WeighFalseNegatives
from gnnclr.graph.augmentation_graph import augmentation_graph
from gnnclr.graph.candidates import similar_candidates
from gnnclr.losses import InfoNCELoss, NTXentLoss, SupConLoss


class TestAttractFalseNegatives(RewiringContract):
    composes = False  # it excludes pairs in one direction

    def make(self):
        return AttractFalseNegatives(2)


def batch(n=6, d=5, views=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=torch.float64) for _ in range(views)]


def literal_scores(x, sample, support):
    """The score of each candidate for each node, one by one [n, n]."""
    z, sample = normalize(x, dim=1), sample.tolist()
    dot = [[float(a @ b) for b in z] for a in z]
    s = torch.empty(len(z), len(z), dtype=z.dtype)
    for i in range(len(z)):
        own = [a for a in range(len(z)) if sample[a] == sample[i]] if support else [i]
        for j in range(len(z)):
            each = [dot[a][j] for a in own]
            s[i, j] = sum(each) / len(each) if support == "mean" else max(each)
    return s


def literal_false_negatives(graph, k, threshold, support):
    """The likely false negatives of each node, nearest first."""
    s, found, sample = literal_scores(graph.x, graph.sample, support).tolist(), [], graph.sample.tolist()
    for i in range(graph.num_nodes):
        others = [j for j in range(graph.num_nodes) if sample[j] != sample[i]]
        others.sort(key=lambda j: -s[i][j])
        found.append([j for j in others[:k] if threshold is None or s[i][j] > threshold])
    return found


@pytest.mark.parametrize("support", [None, "max", "mean"])
@pytest.mark.parametrize("k,threshold", [(3, None), (None, 0.3), (4, 0.25), (100, None)])
def test_the_loss_of_the_authors_code(k, threshold, support):
    graph, tau = augmentation_graph(batch()), 0.3
    z = normalize(graph.x, dim=1)
    likely = literal_false_negatives(graph, k, threshold, support)
    assert sum(map(len, likely)) > 0
    expected = 0.0
    for i in range(24):
        s = z @ z[i] / tau
        views = [j for j in range(24) if j % 6 == i % 6 and j != i]
        numerator = sum(s[p] for p in views) + sum(s[f] for f in likely[i])
        everything = torch.stack([s[j] for j in range(24) if j != i])
        expected = expected + (torch.logsumexp(everything, 0) - numerator / (3 + len(likely[i]))) / 24
    out = AttractFalseNegatives(k, threshold, support=support)(graph)
    x = out.x.clone().requires_grad_()
    torch.testing.assert_close(SupConLoss(tau)(x, out), expected)
    if k == 3 and support is None:  # of which the gradient of the loss knows nothing
        assert torch.autograd.gradcheck(lambda x: SupConLoss(tau)(x, out), x, fast_mode=True)


def test_attracted_pairs_repel_in_the_other_direction_alone():
    graph = augmentation_graph(batch(views=2))
    out = AttractFalseNegatives(1, support=None)(graph)
    (source, target) = out.edge_index[:, graph.edge_index.size(1) :]
    both = {(j, i) for j, i in zip(source.tolist(), target.tolist())}
    assert not out.negatives.allows(out, source, target).any()
    for j, i in both:
        back = out.negatives.allows(out, torch.tensor(i), torch.tensor(j))
        assert bool(back) == ((i, j) not in both)


def test_weights_and_other_losses():
    graph, tau = augmentation_graph(batch(views=2)), 0.4
    out = AttractFalseNegatives(2, support="mean", weight=0.25)(graph)
    z, expected = normalize(graph.x, dim=1), 0.0
    likely = literal_false_negatives(graph, 2, None, "mean")
    for i in range(12):
        s, own = z @ z[i] / tau, (i + 6) % 12
        left = s[[j for j in range(12) if j % 6 != i % 6 and j not in likely[i]]]
        each = {p: torch.logaddexp(torch.logsumexp(left, 0), s[p]) - s[p] for p in (own, *likely[i])}
        weighed = each[own] + 0.25 * sum(each[f] for f in likely[i])
        expected = expected + weighed / 1.5 / 12
    torch.testing.assert_close(NTXentLoss(tau)(out.x, out), expected)


def test_other_positives_stay_spared():
    graph = augmentation_graph(batch(views=2))
    before = AddKNNPositives(2)(graph)
    after = T.Compose([AddKNNPositives(2), AttractFalseNegatives(1)])(graph)
    pairs = torch.cartesian_prod(torch.arange(12), torch.arange(12)).t()
    found = AttractFalseNegatives(1).find(before)
    code = pairs[1] * 12 + pairs[0]
    repels = before.negatives.allows(before, *pairs) & ~torch.isin(code, found[1] * 12 + found[0])
    assert torch.equal(after.negatives.allows(after, *pairs), repels)


def test_explicit_negatives_and_a_bank():
    graph = augmentation_graph(batch(views=2))
    source, target = similar_candidates(graph, 4)
    explicit = graph.clone()
    explicit.negative_index = torch.stack([source, target])
    for support in ("max", "mean"):
        out = AttractFalseNegatives(2, support=support)(explicit)
        found = out.edge_index[:, graph.edge_index.size(1) :]
        s = literal_scores(graph.x, graph.sample, support)
        for i in range(12):
            mine = sorted(source[target == i].tolist(), key=lambda j: -float(s[i, j]))[:2]
            assert sorted(found[0, found[1] == i].tolist()) == sorted(mine)
    query, key = batch(views=2)
    graph = InfoNCELoss().graph(query, key)
    graph.bank = batch(9, views=1, seed=3)[0]
    out = AttractFalseNegatives(threshold=0.3)(graph)
    new = out.edge_index[:, graph.edge_index.size(1) :] if graph.edge_index is not None else out.edge_index
    assert bool((new[0] >= 12).any()) and out.validate() and torch.isfinite(InfoNCELoss(0.2)(out.x, out))


def test_samples_of_unequal_numbers_of_views():
    graph = augmentation_graph(batch(5, views=2))
    graph.sample = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 0, 0])
    graph.group, graph.edge_index = graph.sample, None
    for support in ("max", "mean"):
        found = similar_candidates(graph, 3, support=support)
        likely = literal_false_negatives(graph, 3, None, support)
        assert found.t().tolist() == [[j, i] for i in range(10) for j in likely[i]]


def test_removed_and_weighed_by_the_same_support():
    graph = augmentation_graph(batch())
    found = {tuple(pair) for pair in similar_candidates(graph, 2, support="max").t().tolist()}
    assert found != {tuple(pair) for pair in similar_candidates(graph, 2).t().tolist()}
    dropped, weighed = (kind(2, support="max")(graph) for kind in (DropFalseNegatives, WeighFalseNegatives))
    assert found == {tuple(pair) for pair in dropped.ignore_index.t().tolist()}
    assert found == {tuple(pair) for pair in weighed.extra.index.t().tolist()}


def test_nothing_found_changes_nothing():
    graph = augmentation_graph(batch(views=2))
    same = AttractFalseNegatives(threshold=1.0)(graph)
    assert torch.equal(same.edge_index, graph.positives) and same.ignore_index is None
    assert same.negatives is graph.negatives
    assert str(AttractFalseNegatives(3, 0.7)) == "AttractFalseNegatives(k=3, threshold=0.7, support='max')"
    assert str(AttractFalseNegatives(3, weight=0.5, support=None)) == "AttractFalseNegatives(k=3, weight=0.5)"


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({}, "'k' or 'threshold' must be given"),
        ({"k": -1}, "'k' must be"),
        ({"k": 2, "support": "sum"}, "'support' must be"),
        ({"k": 2, "weight": 0.0}, "'weight' must be"),
        ({"k": 2, "features": "y"}, "'features' must be"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AttractFalseNegatives(**arguments)
