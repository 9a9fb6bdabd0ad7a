import pytest
import torch
from contracts.loss import LossContract, explicit_graph, make_views, relative, unit, value_and_gradients

from gnnclr.graph import augmentation_graph
from gnnclr.graph.negative_pairs import negative_pairs
from gnnclr.losses import TripletLoss


def distance(x, y):
    return (x - y).square().sum(-1).clamp(min=1e-30).sqrt()


class TestTriplet(LossContract):
    num_views = (2, 3)
    temperatures = (None,)
    impls = ("auto", "tiles", "dense")
    margin = 1.0
    least_features = 3
    tolerances = (1e-10, 3e-5)  # square roots of small squared distances

    def make(self, temperature=None, **kwargs):
        return TripletLoss(self.margin, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        terms = []
        for i in range(len(z)):
            positives = [p for p in range(len(z)) if p != i and p % n == i % n]
            far = distance(z[i], z[[j for j in range(len(z)) if j % n != i % n]])
            for near in self.thresholds([distance(z[i], z[p]) for p in positives]):
                terms.append((near - far + self.margin).clamp(min=0))
        return torch.cat(terms).mean()

    def thresholds(self, distances):
        return distances

    def test_duplicates(self):
        """Distances have no slope at zero: it counts as zero there."""
        views = make_views(6, noise=0.0)
        for view in views:
            view[1] = view[0]
        value = self.make()(*(view.requires_grad_() for view in views))
        value.backward()
        assert torch.isfinite(value) and torch.isfinite(views[0].grad).all()


class TestSmallMargin(TestTriplet):
    margin = 0.2


class TestOfTheMeanPositive(TestTriplet):
    def make(self, temperature=None, **kwargs):
        return TripletLoss(self.margin, positives="mean", **kwargs)

    def thresholds(self, distances):
        return [sum(distances) / len(distances)]


class TestOfAnyLength(TestTriplet):
    normalizes = False

    def make(self, temperature=None, **kwargs):
        return TripletLoss(self.margin, normalized=False, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([view.double() for view in views], temperature)


def cosine_distance(x, y):
    return 1 - x @ y


def half_square(x, y):
    """The cosine distance of unit rows, and what the layer takes for it of any rows."""
    return (x - y).square().sum(-1) / 2


class TestCosine(TestTriplet):
    margin = 0.4

    def make(self, temperature=None, **kwargs):
        return TripletLoss(self.margin, distance="cosine", **kwargs)

    def reference_of_units(self, views, temperature):
        return all_triplets(torch.cat(list(views)), views[0].size(0), self.margin, half_square)


class TestSwap(TestTriplet):
    num_views = (2,)
    margin = 0.3

    def make(self, temperature=None, **kwargs):
        return TripletLoss(self.margin, swap=True, **kwargs)

    def reference_of_units(self, views, temperature):
        return all_triplets(torch.cat(list(views)), views[0].size(0), self.margin, distance, swap=True)


def all_triplets(z, n, margin, measure, swap=False):
    """All triplets, pair by pair of anchor and positive."""
    terms = []
    for i in range(len(z)):
        others = z[[j for j in range(len(z)) if j % n != i % n]]
        for p in (p for p in range(len(z)) if p != i and p % n == i % n):
            far = measure(z[i], others)
            far = torch.minimum(far, measure(z[p], others)) if swap else far
            terms.append((measure(z[i], z[p]) - far + margin).clamp(min=0))
    return torch.cat(terms).mean()


@pytest.mark.parametrize("name", ["euclidean", "cosine"])
def test_swap_of_torch(name):
    """Its one negative of each anchor, as an edge, and by a rule."""
    anchor, positive, negative = (view.double() for view in make_views(7, 3, views=3))
    measure = (lambda x, y: (x - y).norm(dim=1)) if name == "euclidean" else lambda x, y: 1 - (x * y).sum(dim=1)
    peer = torch.nn.TripletMarginWithDistanceLoss(distance_function=measure, margin=0.5, swap=True)
    graph = augmentation_graph([anchor, positive, negative])
    graph.edge_index = torch.stack([torch.arange(7, 14), torch.arange(7)])
    graph.negative_index = torch.stack([torch.arange(14, 21), torch.arange(7)])
    value, grad = value_and_gradients(
        lambda *v: TripletLoss(0.5, swap=True, distance=name)(torch.cat(v), graph), [anchor, positive, negative]
    )
    expected, expected_grad = value_and_gradients(lambda *v: peer(*map(unit, v)), [anchor, positive, negative])
    assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-10


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("name", ["euclidean", "cosine"])
def test_weights_bank_and_exceptions_agree_with_their_list(name, swap):
    views = [view.double() for view in make_views(6, 5)]
    graph = augmentation_graph(views, torch.tensor([0, 0, 0, 1, 1, 2]), bank=make_views(3, 5, 1, seed=4)[0].double())
    graph.edge_index = torch.cat([graph.edge_index, torch.tensor([[12, 13, 7], [2, 3, 9]])], dim=1)
    graph.edge_weight = torch.arange(graph.edge_index.size(1)).double() % 4
    graph.anchor = torch.arange(12) != 4
    graph.ignore_index = torch.tensor([[5, 14], [0, 3]])
    loss = TripletLoss(0.7, distance=name, swap=swap)
    value, grad = value_and_gradients(lambda x: loss(x, graph), [graph.x])
    nodes, terms, mass = unit(torch.cat([graph.x, graph.bank.rows])), 0.0, 0.0
    far = negative_pairs(graph)
    measure = distance if name == "euclidean" else cosine_distance
    for (p, i), weight in zip(graph.edge_index.t().tolist(), graph.edge_weight):
        for j in far[0, far[1] == i] if i != 4 else ():
            near = torch.minimum(*(measure(nodes[k], nodes[j]) for k in (i, p if swap else i)))
            terms += weight * (measure(nodes[i], nodes[p]) - near + 0.7).clamp(min=0)
            mass += weight
    assert relative(value, terms / mass) < 1e-12
    assert torch.autograd.gradcheck(lambda x: loss(x, graph), graph.x.clone().requires_grad_(), fast_mode=True)
    listed = graph.clone()
    listed.negative_index = far
    again, again_grad = value_and_gradients(lambda x: loss(x, listed), [graph.x])
    assert relative(again, value) < 1e-12 and relative(again_grad, grad) < 1e-10


def test_peer():
    metric_learning = pytest.importorskip("pytorch_metric_learning", reason="pytorch-metric-learning is not installed")
    from pytorch_metric_learning import distances, losses, reducers

    assert metric_learning
    peer = losses.TripletMarginLoss(
        margin=0.3, distance=distances.LpDistance(normalize_embeddings=True), reducer=reducers.MeanReducer()
    )
    z0, z1 = make_views(9)
    labels = torch.arange(9).repeat(2)
    torch.testing.assert_close(TripletLoss(0.3)(z0, z1), peer(torch.cat([z0, z1]), labels), rtol=1e-5, atol=1e-6)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3, 3])
    for views in ([z0], [z0, z1]):
        x, graph = torch.cat(views), augmentation_graph(views, labels)
        for form in (graph, explicit_graph(graph)):
            value, grad = value_and_gradients(lambda x, form=form: TripletLoss(0.3)(x, form), [x])
            everyone = labels.repeat(len(views))
            expected, expected_grad = value_and_gradients(lambda x, labels=everyone: peer(x, labels), [x])
            assert relative(value, expected) < 1e-6 and relative(grad, expected_grad) < 1e-5


def test_weights_of_positives_are_weights_of_triplets():
    x = make_views(9, views=1)[0].double()
    graph = augmentation_graph([x], torch.tensor([0, 0, 0, 0, 1, 1, 2, 3, 3]))
    graph.anchor = torch.arange(9) != 1
    graph.edge_weight = torch.arange(graph.edge_index.size(1)).double() % 4

    def literal(x):
        z, terms, mass = unit(x), 0.0, 0.0
        for (p, i), weight in zip(graph.edge_index.t().tolist(), graph.edge_weight):
            for j in range(9):
                if graph.anchor[i] and graph.group[j] != graph.group[i]:
                    hinge = (distance(z[i], z[p]) - distance(z[i], z[j]) + 0.3).clamp(min=0)
                    terms, mass = terms + weight * hinge, mass + weight
        return terms / mass

    expected, expected_grad = value_and_gradients(literal, [x])
    for form in (graph, explicit_graph(graph)):
        value, grad = value_and_gradients(lambda x, form=form: TripletLoss(0.3)(x, form), [x])
        assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-10


def test_many_positives_in_tiles():
    x, labels = make_views(1200, 8, views=1)[0], torch.arange(1200) % 3
    graph = augmentation_graph([x], labels)
    tiles, dense = (
        value_and_gradients(lambda x, i=i: TripletLoss(0.3, impl=i)(x, graph), [x]) for i in ("tiles", "dense")
    )
    assert relative(tiles[0], dense[0]) < 1e-6 and relative(tiles[1], dense[1]) < 1e-5


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'margin' must be a positive number"):
        TripletLoss(margin=-1)
    with pytest.raises(ValueError, match="'positives' must be 'all' for a loss with 'swap'"):
        TripletLoss(positives="mean", swap=True)
    with pytest.raises(ValueError, match="'distance' must be one of 'euclidean', 'cosine'"):
        TripletLoss(distance="l1")
