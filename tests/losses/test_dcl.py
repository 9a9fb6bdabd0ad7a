import pytest
import torch
from contracts.loss import LossContract, make_views, unit, value_and_gradients

from gnnclr.graph import augmentation_graph
from gnnclr.losses import DCLLoss, DHELLoss, NTXentLoss
from gnnclr.nn import UniformityConv


def negatives_of(i, n, total):
    return [j for j in range(total) if j % n != i % n]


class TestDCL(LossContract):
    num_views = (2, 3)
    one_sample = "alignment"
    weighted = False

    def make(self, temperature=0.1, **kwargs):
        return DCLLoss(temperature, weighted=self.weighted, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        total = 0.0
        positives = {i: [p for p in range(len(z)) if p != i and p % n == i % n] for i in range(len(z))}
        scores = torch.stack([z[i] @ z[p] for i in positives for p in positives[i]]).detach()
        mean = (scores / 0.5).exp().mean()
        for i in range(len(z)):
            for p in positives[i]:
                weight = 2 - ((z[i] @ z[p]).detach() / 0.5).exp() / mean if self.weighted else 1.0
                total = total - weight * (z[i] @ z[p]) / temperature / len(positives[i])
            total = total + torch.logsumexp(z[negatives_of(i, n, len(z))] @ z[i] / temperature, 0)
        return total / len(z)


class TestDCLW(TestDCL):
    weighted = True
    conservative = False  # weights are held constant, as in the literal loop
    memory_arguments = ({},)


def test_easy_positives_still_attract():
    """The gradient of NT-Xent on a positive fades as it gets easy; that of DCL does not."""
    views = make_views(16, noise=0.01)
    _, coupled = value_and_gradients(NTXentLoss(0.1), views)
    _, decoupled = value_and_gradients(DCLLoss(0.1), views)
    assert decoupled.norm() > 3 * coupled.norm()


@pytest.mark.parametrize("both_views", [False, True])
def test_dhel_whose_negatives_also_come_from_the_other_view_is_dcl(both_views):
    views = [view.double() for view in make_views(9)]
    graph = augmentation_graph(views)
    dhel, dcl = DHELLoss(0.2, both_views=both_views), DCLLoss(0.2)

    def decoupled(x):
        # With the energies of both views against one alignment, another uniformity comes to DCL.
        extra = UniformityConv(0.2).energy(torch.nn.functional.normalize(x), graph) if both_views else 0
        return dcl(x, graph) + extra

    value, grad = value_and_gradients(lambda x: dhel(x, graph), [torch.cat(views)])
    expected, expected_grad = value_and_gradients(decoupled, [torch.cat(views)])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-9, atol=1e-12)


def test_lightly():
    lightly = pytest.importorskip("lightly.loss", reason="lightly is not installed (make bench installs it)")
    z0, z1 = make_views(16)
    # lightly's mean of both directions counts each sample once.
    torch.testing.assert_close(DCLLoss(0.1)(z0, z1), lightly.DCLLoss(0.1)(z0, z1), rtol=1e-5, atol=1e-5)
    weighted = lightly.DCLWLoss(0.1, sigma=0.5)
    torch.testing.assert_close(DCLLoss(0.1, weighted=True)(z0, z1), weighted(z0, z1), rtol=1e-5, atol=1e-5)
