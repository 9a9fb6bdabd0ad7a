import pytest
import torch
from contracts.loss import LossContract, explicit_graph, make_views, relative, through_graph, unit, value_and_gradients

from gnnclr.graph import augmentation_graph
from gnnclr.losses import NTXentLoss


class TestNTXent(LossContract):
    num_views = (2, 3, 4)
    memory_arguments = ({"temperature": 0.1}, {"temperature": 0.02})  # two engines
    memory_samples = 2900

    def make(self, temperature=0.5, **kwargs):
        return NTXentLoss(temperature, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        total = 0.0
        for i in range(len(z)):
            positives = [p for p in range(len(z)) if p != i and p % n == i % n]
            negatives = [j for j in range(len(z)) if j % n != i % n]
            for p in positives:
                # -log(e^p / (e^p + sum e^j)), written so that float64 keeps its digits when it is tiny
                ratios = torch.exp((z[negatives] @ z[i] - z[p] @ z[i]) / temperature)
                total = total + torch.log1p(ratios.sum()) / len(positives)
        return total / len(z)

    def test_view_swap(self):
        z0, z1 = make_views(9)
        torch.testing.assert_close(NTXentLoss(0.1)(z0, z1), NTXentLoss(0.1)(z1, z0))


class TestAnchorViews(LossContract):
    """The first view alone is anchor, of positives in all others."""

    num_views = (2, 3)
    symmetric = False

    def make(self, temperature=0.5, **kwargs):
        return NTXentLoss(temperature, anchor_views=1, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z, total = views[0].size(0), torch.cat(list(views)), 0.0
        for i in range(n):
            negatives = [j for j in range(len(z)) if j % n != i]
            for p in range(i + n, len(z), n):
                ratios = torch.exp((z[negatives] @ z[i] - z[p] @ z[i]) / temperature)
                total = total + torch.log1p(ratios.sum()) / (len(views) - 1)
        return total / n

    def test_all_views_as_anchors(self):
        views = make_views(7, views=3)
        torch.testing.assert_close(NTXentLoss(0.2, anchor_views=3)(*views), NTXentLoss(0.2)(*views))
        with pytest.raises(ValueError, match=r"'anchor_views' must be at most the 2 views \(got 3\)"):
            NTXentLoss(anchor_views=3)(*views[:2])


TestNTXentThroughGraph = through_graph(TestNTXent)


def test_implicit_positives_equal_explicit_ones():
    views = make_views(9, views=3)
    loss, x = NTXentLoss(0.2), torch.cat(views)
    edges, groups = augmentation_graph(views), augmentation_graph(views, edges=False)
    assert groups.edge_index is None
    torch.testing.assert_close(loss(x, groups), loss(x, edges))


@pytest.mark.parametrize("temperature", [0.5, 0.05])
def test_explicit_negatives_equal_implicit_ones(temperature):
    views = make_views(9, views=2)
    graph, x = augmentation_graph(views), torch.cat(views).double()
    loss = NTXentLoss(temperature)
    value, grad = value_and_gradients(lambda x: loss(x, graph), [x])
    expected, expected_grad = value_and_gradients(lambda x: loss(x, explicit_graph(graph)), [x])
    assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-12


@pytest.mark.parametrize("temperature,noise", [(0.05, 0.05), (0.03, 0.05), (0.03, 0.02)])
def test_converged_embeddings_keep_their_digits(temperature, noise):
    """Positives nearly one, negatives far: losses that keep the positive inside the log-sum-exp lose every digit
    here."""
    views = make_views(64, 128, noise=noise)
    literal = TestNTXent()
    value, grad = value_and_gradients(NTXentLoss(temperature), views)
    expected, expected_grad = value_and_gradients(
        lambda *v: literal.reference(v, temperature), [v.double() for v in views]
    )
    assert expected < 1e-4
    assert relative(value, expected) < 1e-4 and relative(grad, expected_grad) < 1e-4


def test_learnable_temperature_is_trained():
    tau = torch.nn.Parameter(torch.tensor(0.5))
    loss = NTXentLoss(tau)
    assert list(loss.parameters()) == [tau] * len(list(loss.parameters()))
    loss(*make_views(9)).backward()
    assert tau.grad is not None and tau.grad != 0


def test_weights_of_positives():
    views = [v.double() for v in make_views(5, views=3)]
    graph = augmentation_graph(views)
    graph.edge_weight = torch.ones(graph.edge_index.size(1))
    loss, x = NTXentLoss(0.2), torch.cat(views)
    equal = loss(x, graph)
    torch.testing.assert_close(equal, NTXentLoss(0.2)(*views))
    graph.edge_weight[graph.view[graph.edge_index[0]] == 2] = 0
    graph.edge_weight[graph.edge_index[1] >= 10] = 1
    assert not torch.isclose(loss(x, graph), equal)
    first = graph.edge_index[:, 0]
    assert graph.edge_weight[0] == 1 and first.tolist() == [5, 0]


def test_peers():
    lightly = pytest.importorskip("lightly.loss", reason="lightly is not installed (make bench installs it)")
    metric_learning = pytest.importorskip(
        "pytorch_metric_learning.losses", reason="pytorch-metric-learning is not installed"
    )
    z0, z1 = make_views(16)
    value, grad = value_and_gradients(NTXentLoss(0.2), [z0, z1])
    expected, expected_grad = value_and_gradients(lightly.NTXentLoss(0.2), [z0, z1])
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5
    labels, pml = torch.arange(16).repeat(2), metric_learning.NTXentLoss(0.2)
    expected, expected_grad = value_and_gradients(lambda *v: pml(torch.cat(v), labels), [z0, z1])
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5


def test_repr():
    assert "ContrastiveConv(temperature=0.2, denominator='pair')" in str(NTXentLoss(0.2))


def test_second_derivatives_are_refused():
    x = make_views(5)[0].requires_grad_()
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(NTXentLoss(0.2)(x, make_views(5)[1]), x, create_graph=True)


def test_rows_of_a_bank_are_normalized():
    views, bank = make_views(5), make_views(4, views=1, seed=2)[0]
    graph, scaled = (augmentation_graph(views, bank=bank * scale) for scale in (1, 10))
    torch.testing.assert_close(NTXentLoss(0.2)(graph.x, graph), NTXentLoss(0.2)(graph.x, scaled))
    units = torch.cat([unit(v) for v in views])
    s = units @ torch.cat([units, unit(bank)]).t() / 0.2
    s[torch.arange(10), torch.arange(10)] = float("-inf")
    expected = torch.logsumexp(s, 1).mean() - s[torch.arange(10), (torch.arange(10) + 5) % 10].mean()
    torch.testing.assert_close(NTXentLoss(0.2)(graph.x, graph).double(), expected, rtol=1e-5, atol=0)


def test_needs_two_views():
    with pytest.raises(ValueError, match="'views' must be two or more"):
        NTXentLoss()(make_views(5)[0])
