import pytest
import torch
from contracts.loss import LossContract, make_views, relative, unit, value_and_gradients

from gnnclr.graph import augmentation_graph
from gnnclr.losses import RandomWalkLaplacianLoss


class TestRandomWalk(LossContract):
    num_views = (2, 3)
    reduction = "mean"
    memory_samples = 2900
    tolerances = (1e-10, 5e-5)  # squares of probabilities

    def make(self, temperature=0.4, **kwargs):
        return RandomWalkLaplacianLoss(temperature, self.reduction, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        total = 0.0
        for i in range(len(z)):
            others = [j for j in range(len(z)) if j != i]
            s = z[others] @ z[i] / temperature
            p = torch.softmax(s, 0)
            for k, j in enumerate(others):
                if j % n == i % n:
                    share = 1 / (len(views) - 1)
                    if len(views) == 2:  # 1 - P, written so that float64 keeps its digits when it is tiny
                        rest = sum(p[m] for m in range(len(others)) if m != k)
                        total = total + rest**2
                        continue
                    total = total + (p[k] - share) ** 2
                else:
                    total = total + p[k] ** 2
        return total if self.reduction == "sum" else total / len(z)


class TestSum(TestRandomWalk):
    reduction = "sum"
    test_message_is_minus_gradient = None  # the layer takes the mean


def test_is_the_distance_of_two_laplacians():
    views = make_views(6)
    z = torch.cat([unit(view) for view in views])
    weights = (z @ z.t() / 0.4).exp().fill_diagonal_(0)
    walk = weights / weights.sum(dim=1, keepdim=True)
    target = torch.eye(12).double().roll(6, 0)
    expected = torch.linalg.matrix_norm((torch.eye(12) - walk) - (torch.eye(12) - target)).square()
    torch.testing.assert_close(RandomWalkLaplacianLoss(0.4)(*views).double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("form", ["groups", "edges"])
def test_one_positive_of_many_leads(form):
    """Views are nearly one and samples of a class are not: of a softmax over positives one has nearly all."""
    views, labels = make_views(9, 16, noise=0.01), torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2])
    loss = RandomWalkLaplacianLoss(0.03, "mean")
    found = []
    for dtype in (torch.float32, torch.float64):
        graph = augmentation_graph([view.to(dtype) for view in views], labels, edges=form == "edges")
        found.append(value_and_gradients(lambda x, graph=graph: loss(x, graph), [graph.x]))
    (value, grad), (expected, expected_grad) = found
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5
