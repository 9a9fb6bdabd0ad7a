import itertools
import math
from importlib import import_module

import pytest
import torch

from gnnclr.eval import FewShotResult, PrototypeTuning, SupportTransport, few_shot


def clusters(classes=8, size=30, d=6, spread=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(classes).repeat_interleave(size)[torch.randperm(classes * size, generator=generator)]
    center = 3 * torch.randn(classes, d, generator=generator)
    return center[y] + spread * torch.randn(y.numel(), d, generator=generator), y


@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize("transport", [None, SupportTransport()])
def test_separable_clusters_are_told_apart(shots, transport):
    x, y = clusters()
    result = few_shot(x, y, shots=shots, episodes=50, transport=transport, normalize=False)
    assert result == FewShotResult(1.0, 0.0, 50)


@pytest.mark.parametrize("transport", [None, SupportTransport()])
@pytest.mark.parametrize("ways", [2, 5])
def test_shuffled_labels_give_chance(ways, transport):
    x, y = clusters(size=60, spread=2.0)
    y = y[torch.randperm(y.numel(), generator=torch.Generator().manual_seed(1))]
    result = few_shot(x, y, ways=ways, episodes=400, transport=transport)
    assert 0 < result.interval < 0.05
    assert abs(result.accuracy - 1 / ways) < 3 * result.interval / 1.96


@pytest.mark.parametrize("normalize", [True, False])
def test_equals_a_loop_over_episodes(normalize):
    x, y = clusters(spread=3.0)
    y = 7 * y - 3  # labels need be neither small nor consecutive
    seen = []

    def remember(support, query):
        seen.append((support, query))
        return support, query

    result = few_shot(x, y, ways=4, shots=3, queries=7, episodes=30, normalize=normalize, transform=remember)
    support, query = (torch.cat(part) for part in zip(*seen))
    assert support.shape == (30, 12, 6) and query.shape == (30, 28, 6)
    accuracies = []
    for episode in range(30):
        rows = [torch.cat([support[episode, 3 * c : 3 * c + 3], query[episode, 7 * c : 7 * c + 7]]) for c in range(4)]
        index = [[int((x == row).all(dim=1).nonzero()) for row in of_class] for of_class in rows]
        assert all(len(set(y[i].tolist())) == 1 for i in index) and len({int(y[i[0]]) for i in index}) == 4
        assert len(set(itertools.chain(*index))) == 40  # no row twice
        rows = [r / r.norm(dim=1, keepdim=True) if normalize else r for r in rows]
        prototypes = [r[:3].mean(dim=0) for r in rows]
        hits = [min(range(4), key=lambda k: (q - prototypes[k]).norm()) == c for c in range(4) for q in rows[c][3:]]
        accuracies.append(sum(hits) / 28)
    mean = sum(accuracies) / 30
    deviation = math.sqrt(sum((a - mean) ** 2 for a in accuracies) / 29)
    assert result.accuracy == pytest.approx(mean) and 0.3 < mean < 1
    assert result.interval == pytest.approx(1.96 * deviation / math.sqrt(30))


def test_every_row_and_class_is_drawn_alike():
    x, y = torch.eye(30), torch.cat([torch.zeros(10), torch.ones(15), torch.full((5,), 2)]).long()
    count = torch.zeros(30)

    def remember(support, query):
        count.add_(support.sum(dim=(0, 1)))
        return support, query

    few_shot(x, y, ways=2, shots=1, queries=2, episodes=6000, transform=remember)
    expected = torch.tensor([4000 / 10] * 10 + [4000 / 15] * 15 + [4000 / 5] * 5)
    assert ((count - expected).abs() < 5 * expected.sqrt()).all()


def test_seeds():
    x, y = clusters(spread=3.0)
    state = torch.get_rng_state()
    first, again, other = (few_shot(x, y, episodes=20, seed=s) for s in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


def test_many_episodes_are_evaluated_in_turn(monkeypatch):
    x, y = clusters()
    sizes = []

    def remember(support, query):
        sizes.append(len(support))
        return support, query

    monkeypatch.setattr(import_module("gnnclr.eval.few_shot"), "BLOCK", 5 * 16 * 6 * 7)
    assert few_shot(x, y, episodes=17, transform=remember, normalize=False).accuracy == 1
    assert sizes == [7, 7, 3]


def test_transport_follows_queries_that_moved():
    x, y = clusters(classes=5, d=4, spread=0.3)
    # The queries of an episode come from elsewhere: further off than the classes are from each other.
    options = {"episodes": 40, "normalize": False, "transform": lambda s, q: (s, q + 6.0)}
    plain, moved = (few_shot(x, y, transport=transport, **options).accuracy for transport in (None, SupportTransport()))
    assert plain < 0.7 and moved > plain + 0.25


def test_a_transform_sees_the_episode():
    x, y = clusters(spread=3.0)
    plain = few_shot(x, y, episodes=20)
    assert few_shot(x, y, episodes=20, transform=lambda s, q: (2 * s, 3 * q)) == plain
    assert few_shot(x, y, episodes=20, transform=lambda s, q: (s, -q)).accuracy < plain.accuracy
    with pytest.raises(ValueError, match="'transform' must return support and queries, one row for each"):
        few_shot(x, y, episodes=2, transform=lambda s, q: (s[:, :2], q))


def test_constant_features_are_chance():
    assert (
        few_shot(torch.ones(60, 3), torch.arange(60) % 3, ways=3, episodes=5, transport=SupportTransport()).accuracy
        == 1 / 3
    )


def test_one_episode_has_no_interval():
    x, y = clusters()
    assert math.isnan(few_shot(x, y, episodes=1).interval)


def test_wrong_arguments():
    x, y = clusters()
    with pytest.raises(ValueError, match=r"'ways' must be an integer from 2 to the 8 classes of 'y' \(got 9\)"):
        few_shot(x, y, ways=9)
    with pytest.raises(ValueError, match="'ways' must be an integer of at least 2"):
        few_shot(x, y, ways=1)
    with pytest.raises(ValueError, match=r"'y' must hold 20 \+ 15 rows of every class \(got 30 of class 0\)"):
        few_shot(x, y, shots=20)
    with pytest.raises(ValueError, match="'episodes' must be a positive integer"):
        few_shot(x, y, episodes=0)
    with pytest.raises(ValueError, match="'x' must be finite"):
        few_shot(x / 0, y)
    with pytest.raises(ValueError, match=r"'y' must be an integer tensor of shape \[240\]"):
        few_shot(x, y[:5])
    with pytest.raises(ValueError, match=r"'transport' must be a SupportTransport \(got bool True\)"):
        few_shot(x, y, transport=True)
    with pytest.raises(ValueError, match=r"'tuning' must be a PrototypeTuning \(got int 3\)"):
        few_shot(x, y, tuning=3)


def test_tuning_starts_as_the_nearest_prototype_and_helps_where_noise_misleads():
    x, y = clusters(spread=3.0)
    plain = few_shot(x, y, shots=5, episodes=40, normalize=False)
    assert few_shot(x, y, shots=5, episodes=40, normalize=False, tuning=PrototypeTuning(1, 1e-12)) == plain
    first, again = (few_shot(x, y, shots=5, episodes=40, tuning=PrototypeTuning(3)) for _ in range(2))
    assert first == again
    # Nine directions of noise, and one that tells: the mean of ten rows is far from that of the class.
    noise = torch.randn(len(y), 9, generator=torch.Generator().manual_seed(2))
    wide = torch.cat([0.5 * y.unsqueeze(1).float(), noise], dim=1)
    means = few_shot(wide, y, ways=2, shots=10, episodes=60, normalize=False)
    tuned = few_shot(wide, y, ways=2, shots=10, episodes=60, normalize=False, tuning=PrototypeTuning(60, 0.1))
    assert tuned.accuracy > means.accuracy + 0.02
