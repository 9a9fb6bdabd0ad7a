import pytest
import torch
from contracts.loss import LossContract, explicit_graph, make_views, relative, unit, value_and_gradients

from gnnclr.graph import augmentation_graph
from gnnclr.losses import SupConLoss

LABELS = torch.tensor([3, 1, 3, 1, 7, 3, 1, 1, 7])


class TestSupCon(LossContract):
    num_views = (1, 2, 3)
    memory_samples = 2900

    def make(self, temperature=0.1, **kwargs):
        return SupConLoss(temperature, **kwargs)

    def call(self, loss, *views):
        return loss(*views, labels=LABELS[: views[0].size(0)])

    def call_permuted(self, loss, order, *views):
        return loss(*views, labels=LABELS[order])

    def joined_arguments(self):
        return {"labels": torch.tensor([0, 1, 0, 2, 2, 0, 1, 3, 1])}

    def graph_arguments(self):
        return {"labels": LABELS[:7]}

    def tight_views(self, n, noise):
        base = make_views(8, views=1)[0][LABELS[:n]]
        return [base + 3 * noise * extra for extra in make_views(n, views=3, seed=1)]

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        total, anchors = 0.0, 0
        for i in range(len(z)):
            positives = [p for p in range(len(z)) if p != i and LABELS[p % n] == LABELS[i % n]]
            if not positives:
                continue
            anchors += 1
            for p in positives:
                others = [j for j in range(len(z)) if j not in (i, p)]
                ratios = torch.exp((z[others] @ z[i] - z[p] @ z[i]) / temperature)
                total = total + torch.log1p(ratios.sum()) / len(positives)
        return total / max(anchors, 1)


@pytest.mark.parametrize("temperature", [0.5, 0.05])
def test_explicit_equals_implicit(temperature):
    views = [v.double() for v in make_views(9)]
    x, loss = torch.cat(views), SupConLoss(temperature)
    value, grad = value_and_gradients(lambda *v: loss(*v, labels=LABELS), views)
    edges = augmentation_graph(views, LABELS)
    for graph in (edges, explicit_graph(edges)):
        other, other_grad = value_and_gradients(lambda x, graph=graph: loss(x, graph), [x])
        assert relative(value, other) < 1e-12 and relative(grad, other_grad) < 1e-12


def test_one_sample_with_a_label_is_zero():
    views = make_views(1)
    value, grad = value_and_gradients(lambda *v: SupConLoss(0.05)(*v, labels=torch.tensor([4])), views)
    assert value == 0 and grad.abs().max() == 0


def test_labels_that_are_all_different_are_no_labels():
    views, labels = make_views(64, 128, noise=0.05), torch.arange(64)
    value, grad = value_and_gradients(lambda *v: SupConLoss(0.05)(*v, labels=labels), views)
    expected, expected_grad = value_and_gradients(SupConLoss(0.05), [v.double() for v in views])
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5


@pytest.mark.parametrize("temperature", [0.2, 0.02])
@pytest.mark.parametrize(
    "labels",
    [torch.arange(700) % 3, torch.zeros(700).long(), (torch.arange(700) - 600).clamp(min=0)],
    ids=["classes", "one class", "one large class"],
)
def test_groups_of_many_tiles_equal_edges(labels, temperature):
    views = [view.double() for view in make_views(700, 4)]
    loss, forms = SupConLoss(temperature), []
    for edges in (False, True):
        forms.append(
            value_and_gradients(
                lambda *v, edges=edges: loss(torch.cat(v), augmentation_graph(v, labels, edges=edges)), views
            )
        )
    (value, grad), (expected, expected_grad) = forms
    assert relative(value, expected) < 1e-11 and relative(grad, expected_grad) < 1e-10


def test_without_labels_it_is_nt_xent_of_two_views():
    from gnnclr.losses import NTXentLoss

    views = make_views(9)
    torch.testing.assert_close(SupConLoss(0.2)(*views), NTXentLoss(0.2)(*views))


def test_converged_pairs_keep_their_digits():
    views = make_views(64, 128, noise=0.05)
    literal = lambda *v: _pairs_reference(v, 0.03)  # noqa: E731
    value, grad = value_and_gradients(SupConLoss(0.03), views)
    expected, expected_grad = value_and_gradients(literal, [v.double() for v in views])
    assert relative(value, expected) < 1e-4 and relative(grad, expected_grad) < 1e-4


def _pairs_reference(views, temperature):
    z, n = torch.cat([unit(v) for v in views]), views[0].size(0)
    s = z @ z.t() / temperature
    gap = s - s[torch.arange(2 * n), (torch.arange(2 * n) + n) % (2 * n)].unsqueeze(1)
    same = torch.arange(2 * n) % n
    return torch.log1p(gap.exp().masked_fill(same[:, None] == same[None], 0).sum(1)).mean()


def test_anchors_without_positives_do_not_count():
    x = make_views(3, views=1)[0]
    labels = torch.tensor([0, 0, 1])
    alone = SupConLoss(0.2)(x, labels=labels)
    s = unit(x) @ unit(x).t() / 0.2
    expected = (
        sum(torch.logsumexp(torch.stack([s[i, j] for j in range(3) if j != i]), 0) - s[i, 1 - i] for i in (0, 1)) / 2
    )
    torch.testing.assert_close(alone.double(), expected)


def test_no_positives_at_all_is_zero():
    x = make_views(3, views=1)[0].requires_grad_()
    value = SupConLoss(0.2)(x, labels=torch.arange(3))
    value.backward()
    assert value == 0 and x.grad.abs().max() == 0


@pytest.mark.parametrize("num_views", [1, 2])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_a_sample_without_a_label_is_of_no_class(num_views, dtype):
    views = make_views(9, views=num_views)
    labels = torch.tensor([3, -1, 3, 1, -1, 3, 1, 1, -1])
    own = torch.tensor([3, 20, 3, 1, 21, 3, 1, 1, 22])
    given = torch.where(labels == -1, float("nan"), labels).to(dtype) if dtype.is_floating_point else labels
    assert torch.equal(SupConLoss(0.3)(*views, labels=given), SupConLoss(0.3)(*views, labels=own))
    edges = augmentation_graph(views, labels).edge_index
    assert torch.equal(edges, augmentation_graph(views, own).edge_index)


def test_labels_are_checked():
    with pytest.raises(ValueError, match=r"'labels' must be an integer tensor of shape \[9\]"):
        SupConLoss()(*make_views(9), labels=torch.zeros(4, dtype=torch.long))
