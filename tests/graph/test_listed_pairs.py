import pytest
import torch
from contracts.loss import make_views, relative, unit, value_and_gradients

from gnnclr.graph import augmentation_graph, mask_graph, pair_graph
from gnnclr.losses import NTXentLoss, SupConLoss, TripletLoss

PAIRS = (
    torch.tensor([0, 0, 1, 4, 5]),  # anchors, one of them twice, and some nodes in no pair
    torch.tensor([2, 3, 4, 1, 0]),
    torch.tensor([0, 0, 1, 1, 4, 5, 5]),
    torch.tensor([1, 4, 2, 0, 3, 2, 2]),  # one pair twice
)


def literal(x, ref, pairs, tau=0.3):
    a1, p, a2, n = (index.tolist() for index in pairs)
    x, ref, total = unit(x), unit(ref), 0.0
    for i, j in zip(a1, p):
        far = [ref[k] for a, k in zip(a2, n) if a == i]
        total = total + torch.log1p(sum(torch.exp((x[i] @ k - x[i] @ ref[j]) / tau) for k in far))
    return total / len(a1)


def test_listed_pairs_against_a_literal_loop():
    x, loss = make_views(7, 5, 1)[0].double(), NTXentLoss(0.3, mean="pairs")

    def of_pairs(x, *ref):
        graph = pair_graph(x, *PAIRS, *ref)
        return loss(graph.x, graph)

    value, grad = value_and_gradients(of_pairs, [x])
    expected, expected_grad = value_and_gradients(lambda x: literal(x, x, PAIRS), [x])
    assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-10
    both = [x, make_views(6, 5, 1, seed=1)[0].double()]
    value, grad = value_and_gradients(of_pairs, both)
    expected, expected_grad = value_and_gradients(lambda x, ref: literal(x, ref, PAIRS), both)
    assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-10
    graph = pair_graph(x.requires_grad_(), *PAIRS, both[1])  # references that are constant
    loss(graph.x, graph).backward()
    assert relative(x.grad, expected_grad[:7]) < 1e-10


def test_pairs_of_a_miner():
    pytest.importorskip("pytorch_metric_learning", reason="pytorch-metric-learning is not installed")
    from pytorch_metric_learning import losses, miners

    x, labels = make_views(12, 6, 1)[0], torch.arange(12) % 3
    pairs = miners.MultiSimilarityMiner(0.1)(x, labels)
    graph = pair_graph(x, *pairs)
    peer = losses.NTXentLoss(0.2)(x, labels, pairs)
    torch.testing.assert_close(NTXentLoss(0.2, mean="pairs")(graph.x, graph), peer, rtol=1e-5, atol=1e-6)


def sup_con(views, mask, tau=0.3):
    """The authors' loss, entry by entry."""
    z, n = unit(torch.cat(views)), len(views[0])
    terms = []
    for i in range(len(z)):
        scores = {j: z[i] @ z[j] / tau for j in range(len(z)) if j != i}
        total = torch.logsumexp(torch.stack(list(scores.values())), dim=0)
        weights = {j: float(mask[i % n, j % n]) for j in scores if mask[i % n, j % n] > 0}
        if weights:
            terms.append(sum(w * (total - scores[j]) for j, w in weights.items()) / sum(weights.values()))
    return sum(terms) / len(terms)


def masks():
    labels, generator = torch.tensor([0, 1, 0, 2, 1]), torch.Generator().manual_seed(0)
    same = labels == labels[:, None]
    random = torch.rand(5, 5, generator=generator)
    return {"eye": torch.eye(5), "labels": same, "one way": random > 0.6, "weights": random * (random > 0.4)}


@pytest.mark.parametrize("name", masks())
@pytest.mark.parametrize("number", [1, 2, 3])
def test_masks_against_a_literal_loop(name, number):
    views, mask = [view.double() for view in make_views(5, 6, number)], masks()[name]

    def of_mask(*views):
        graph = mask_graph(views, mask)
        return SupConLoss(0.3)(graph.x, graph)

    if name == "eye" and number == 1:
        assert of_mask(*views) == 0  # no sample has a positive
        return
    value, grad = value_and_gradients(of_mask, views)
    expected, expected_grad = value_and_gradients(lambda *v: sup_con(list(v), mask), views)
    assert relative(value, expected) < 1e-11 and relative(grad, expected_grad) < 1e-10


def test_a_mask_of_labels_is_the_graph_of_labels():
    views, labels = make_views(6, 4), torch.tensor([0, 1, 0, 2, 1, 0])
    graph, other = mask_graph(views, labels == labels[:, None]), augmentation_graph(views, labels)
    for loss in (SupConLoss(0.2), NTXentLoss(0.2), TripletLoss(0.5)):
        torch.testing.assert_close(loss(graph.x, graph), loss(other.x, other))


def test_wrong_pairs_and_masks():
    x, pairs = make_views(7, 5, 1)[0], list(PAIRS)
    with pytest.raises(ValueError, match=r"'negative' must hold nodes between 0 and 6 \(got 1 to 9\)"):
        pair_graph(x, *pairs[:3], torch.tensor([1, 9]))
    with pytest.raises(ValueError, match=r"'positive' must have shape \[5\] \(got"):
        pair_graph(x, pairs[0], pairs[1][:4], *pairs[2:])
    with pytest.raises(ValueError, match=r"'positive' must hold nodes between 0 and 1 \(got 0 to 4\)"):
        pair_graph(x, *pairs, x[:2])
    with pytest.raises(ValueError, match="must be without self-loops"):
        pair_graph(x, pairs[0], pairs[0], *pairs[2:])
    with pytest.raises(ValueError, match=r"'mask' must be a tensor of shape \[7, 7\], boolean or of weights \(got"):
        mask_graph([x], torch.eye(6))
    with pytest.raises(ValueError, match=r"'mask' must not be negative or NaN"):
        mask_graph([x], -torch.eye(7))
