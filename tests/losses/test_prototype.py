import pytest
import torch
from contracts.loss import LossContract, make_views, relative, unit, value_and_gradients

from gnnclr.losses import InfoNCELoss, KernelInfoNCELoss
from gnnclr.losses.prototype import PrototypeLoss


class TestPrototype(LossContract):
    num_views = (2, 4)
    symmetric = False
    takes_labels = False
    impls = ("auto", "tiles", "dense")
    duplicates_at = 0.2  # at 0.1 the gradient is 1e-8 of its terms: float64 leaves half of the digits, in the loop too

    def make(self, temperature=0.2239, **kwargs):
        return PrototypeLoss(temperature, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        original, *rest = views
        terms = []
        for view in rest:
            for i, query in enumerate(view):
                logit = torch.stack([-(query - prototype).square().sum() / temperature for prototype in original])
                terms.append(torch.log1p((torch.cat([logit[:i], logit[i + 1 :]]) - logit[i]).exp().sum()))
        return sum(terms) / len(terms)


class TestPrototypeOfAnyLength(TestPrototype):
    normalizes = False
    temperatures = (100.0, 30.0)
    temperature_range = (20.0, 100.0)

    def make(self, temperature=0.2239, **kwargs):
        return PrototypeLoss(temperature, normalized=False, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([view.double() for view in views], temperature)

    def test_duplicates(self):
        """At the lowest temperatures the gradient is below all rounding."""
        views = [view.double() for view in make_views(6, views=4, noise=0.0)]
        for view in views:
            view[1] = view[0]
        self.compare(views, 30.0, value_and_gradients(lambda *v: self.reference(v, 30.0), views), 1e-9)


def test_one_view_on_the_sphere_is_info_nce():
    original, view = make_views(9)
    value, grad = value_and_gradients(lambda z, v: PrototypeLoss(0.4)(z, v), [original, view])
    expected, expected_grad = value_and_gradients(lambda z, v: InfoNCELoss(0.2)(v, z), [original, view])
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5


def test_it_is_a_kernel_loss_on_its_graph():
    views = make_views(6, views=4)
    loss = PrototypeLoss(0.3)
    graph = loss.graph(*views)
    torch.testing.assert_close(loss(*views), KernelInfoNCELoss(0.3, gamma=2.0)(graph.x, graph))
    assert graph.validate() and int(graph.anchor.sum()) == 18


def test_an_original_alone():
    with pytest.raises(ValueError, match="'views' must be two or more matrices"):
        PrototypeLoss()(make_views(4)[0])
