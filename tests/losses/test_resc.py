import pytest
import torch
import torch.nn.functional as F
from contracts.loss import LossContract, make_views, unit

from gnnclr.losses import ReSCLoss

#: Communities of up to 9 samples in both views.
FIRST = torch.tensor([0, 3, 0, 1, 1, 0, 3, 1, 3])
SECOND = torch.tensor([5, 3, 5, 5, 3, 3, 3, 2, 2])


class TestReSC(LossContract):
    learnable = False
    takes_labels = False
    bank = None  # it has its own, which is not normalized
    conservative = False  # centroids are held constant, as in the literal loop
    symmetric = False  # each view has communities of its own
    repels = False  # its negatives are rows of the bank, and no nodes
    impls = ("auto", "tiles", "dense")
    similarity, gamma = "cosine", 0.0

    def make(self, temperature=0.4, **kwargs):
        return ReSCLoss(temperature, self.similarity, self.gamma, **kwargs)

    def call(self, loss, *views):
        n = views[0].size(0)
        return loss(*views, community=FIRST[:n], other_community=SECOND[:n])

    def call_permuted(self, loss, order, *views):
        return loss(*views, community=FIRST[order], other_community=SECOND[order])

    def call_one(self, loss, *views):
        return self.call(loss, *views)

    def graph_arguments(self):
        return {"community": FIRST[:7], "other_community": SECOND[:7]}

    def joined_arguments(self):
        return {"community": FIRST, "other_community": SECOND}

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n = len(views[0])
        total = 0.0
        for anchor, other, community in ((views[0], views[1], SECOND[:n]), (views[1], views[0], FIRST[:n])):
            names = community.unique().tolist()
            centroid = {k: unit_mean(other.detach(), community, k) for k in names}
            for i in range(n):
                k = int(community[i])
                rest = 0.0
                for m in names:
                    if m != k:
                        weight = torch.exp(-self.gamma * (centroid[k] - centroid[m]).square().sum())
                        gap = self.logit(anchor[i], centroid[m], temperature) - self.logit(
                            anchor[i], centroid[k], temperature
                        )
                        rest = rest + weight * torch.exp(gap)
                total = total + torch.log1p(torch.as_tensor(rest)) / (2 * n)
        return total

    def logit(self, z, c, temperature):
        return z @ c / temperature if self.similarity == "cosine" else -(z - c).square().sum() / temperature**2

    def test_refuses_wrong_shapes_and_temperatures(self):
        with pytest.raises(ValueError, match="'temperature' must be a positive number"):
            self.make(0.0)
        with pytest.raises(ValueError, match="'community' must be an integer tensor"):
            self.make()(*make_views(4))


def unit_mean(rows, community, k):
    return rows[community == k].mean(dim=0)


class TestWeighted(TestReSC):
    gamma = 0.7


class TestRBF(TestReSC):
    temperatures = (1.0, 0.3, 0.1)
    temperature_range = (0.1, 2.0)  # below, the literal loop overflows
    similarity, gamma = "rbf", 0.5
    tolerances = (1e-10, 1e-4)  # squared distances over the squared temperature


def similar(h, center, tau, similarity):
    return torch.exp(h @ center / tau) if similarity == "cosine" else torch.exp(-(h - center).square().sum() / tau**2)


def literal(z0, z1, c0, c1, k, tau, gamma, similarity):
    z0, z1 = F.normalize(z0), F.normalize(z1)
    total = 0.0
    for a, b, c in ((z0, z1, c1), (z1, z0, c0)):
        centers = {j: b[c == j].mean(dim=0).detach() for j in range(k) if (c == j).any()}
        for h, own in zip(a, c.tolist()):
            positive, negative = similar(h, centers[own], tau, similarity), 0.0
            for j, center in centers.items():
                apart = (centers[own] - center).square().sum()
                weight = 1.0 if similarity == "cosine" else torch.exp(-gamma * apart)
                negative = negative + (j != own) * weight * similar(h, center, tau, similarity)
            total = total - torch.log(positive / (positive + negative)) / (2 * len(a))
    return total


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_value_and_gradient_equal_the_literal_form(similarity):
    torch.manual_seed(0)
    z0, z1 = (torch.randn(20, 6, dtype=torch.double, requires_grad=True) for _ in range(2))
    # Community 3 is empty in the first view.
    c0, c1 = torch.randint(3, (20,)), torch.randint(4, (20,))
    actual = ReSCLoss(0.5, similarity, 0.7 * (similarity == "rbf"))(z0, z1, community=c0, other_community=c1)
    expected = literal(z0, z1, c0, c1, 5, 0.5, 0.7, similarity)
    assert actual.item() == pytest.approx(expected.item(), abs=1e-10)
    for a, b in zip(torch.autograd.grad(actual, [z0, z1]), torch.autograd.grad(expected, [z0, z1])):
        assert torch.allclose(a, b, atol=1e-10)


def test_near_communities_weigh_more():
    torch.manual_seed(0)
    z = F.normalize(torch.randn(20, 6))
    c = torch.arange(20) % 4
    plain, weighted = (ReSCLoss(0.5, "rbf", gamma)(z, z, community=c).item() for gamma in (0.0, 5.0))
    assert weighted < plain


def test_one_community_has_no_negatives():
    views = [view.requires_grad_() for view in make_views(5)]
    loss = ReSCLoss()(*views, community=torch.zeros(5, dtype=torch.long))
    loss.backward()
    assert loss == 0 and views[0].grad.abs().max() == 0


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'gamma' must be a finite number, at least 0"):
        ReSCLoss(gamma=-1)
    with pytest.raises(ValueError, match="'similarity' must be one of"):
        ReSCLoss(similarity="dot")
    with pytest.raises(ValueError, match="two matrices"):
        ReSCLoss()(*make_views(5, views=3), community=FIRST[:5])


def test_rows_of_a_bank_stay_as_they_are():
    """Means of unit vectors are shorter, and so are those that a caller puts into a graph."""
    views, loss = make_views(5), ReSCLoss()
    graph = loss.graph(*views, community=FIRST[:5])
    value = loss(graph.x, graph)
    graph.bank = graph.bank.rows / graph.bank.rows.norm(dim=1, keepdim=True)
    assert not torch.isclose(loss(graph.x, graph), value)
