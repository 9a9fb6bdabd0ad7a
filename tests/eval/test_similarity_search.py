import pytest
import torch

from gnnclr.eval.similarity_search import similarity_search


def reference(z, labels, k):
    z = torch.nn.functional.normalize(z.double(), dim=1)
    similarity = (z @ z.t()).fill_diagonal_(-float("inf"))
    neighbor = similarity.topk(k, dim=1).indices
    return (labels[neighbor] == labels[:, None]).double().mean().item()


def test_by_hand():
    # On a line of angles 0, 1, 2, 10, 11 the nearest of each is 1, 0 or 2, 1, 11, 10.
    angle = torch.tensor([0.0, 0.1, 0.25, 1.0, 1.1])
    z = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert similarity_search(z, torch.tensor([0, 0, 1, 1, 1]), k=1) == pytest.approx(4 / 5)
    assert similarity_search(z, torch.tensor([0, 0, 0, 1, 1]), k=1) == 1.0
    assert similarity_search(z, torch.tensor([0, 1, 0, 1, 0]), k=1) == 0.0


@pytest.mark.parametrize("k", [1, 5, 20])
def test_equals_the_literal_reference(k):
    generator = torch.Generator().manual_seed(k)
    z, y = torch.randn(80, 6, generator=generator), torch.randint(3, (80,), generator=generator)
    assert similarity_search(z, y, k) == pytest.approx(reference(z, y, k))


def test_chance_level_and_one_class():
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(2000, 8, generator=generator), torch.randint(4, (2000,), generator=generator)
    assert similarity_search(z, y) == pytest.approx(0.25, abs=0.02)
    assert similarity_search(z, torch.zeros_like(y)) == 1.0


def test_distances_instead_of_directions():
    z = torch.tensor([[1.0, 0.0], [9.0, 0.0], [0.1, 1.0], [9.0, 1.0]])
    y = torch.tensor([0, 1, 0, 1])
    assert similarity_search(z, y, k=1, cosine=False) == 1.0
    assert similarity_search(z, y, k=1) < 1.0


def test_approximate_search_is_near():
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(5, (500,), generator=generator)
    z = torch.eye(5, 16)[y] + 0.3 * torch.randn(500, 16, generator=generator)
    assert similarity_search(z, y, index="ivf") == pytest.approx(similarity_search(z, y), abs=0.05)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"z": torch.full((6, 2), float("inf"))}, "'z' must be finite"),
        ({"labels": torch.arange(6) / 4}, "'labels' must hold whole numbers"),
        ({"k": 6}, r"'k' must be an integer from 1 to the 5 other rows \(got 6\)"),
        ({"k": 0}, "'k' must be a positive integer"),
        ({"k": 2.0}, "'k' must be a positive integer"),
    ],
)
def test_errors(change, message):
    arguments = {"z": torch.randn(6, 2), "labels": torch.arange(6) % 2} | change
    with pytest.raises(ValueError, match=message):
        similarity_search(**arguments)
