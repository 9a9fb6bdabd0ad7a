import pytest
import torch
import torch.nn.functional as F

from gnnclr.node import communal_contrast
from gnnclr.node.communal_contrast import community_similarity


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
    actual = communal_contrast(z0, z1, c0, c1, 5, 0.5, 0.7, similarity)
    expected = literal(z0, z1, c0, c1, 5, 0.5, 0.7, similarity)
    assert actual.item() == pytest.approx(expected.item(), abs=1e-10)
    for a, b in zip(torch.autograd.grad(actual, [z0, z1]), torch.autograd.grad(expected, [z0, z1])):
        assert torch.allclose(a, b, atol=1e-10)


def test_near_communities_weigh_more():
    torch.manual_seed(0)
    z = F.normalize(torch.randn(20, 6))
    c = torch.arange(20) % 4
    plain, weighted = (communal_contrast(z, z, c, c, 4, 0.5, gamma, "rbf").item() for gamma in (0.0, 5.0))
    assert weighted < plain


def test_similarity():
    torch.manual_seed(0)
    h, centers = F.normalize(torch.randn(5, 3)), torch.randn(4, 3)
    expected = -torch.cdist(h, centers).square() / 0.3**2
    assert torch.allclose(community_similarity(h, centers, 0.3, "rbf"), expected, atol=1e-4)
    assert torch.allclose(community_similarity(h, centers, 0.3), h @ centers.t() / 0.3)
    with pytest.raises(ValueError, match="'similarity' must be one of 'cosine', 'rbf'"):
        community_similarity(h, centers, 0.3, "dot")
