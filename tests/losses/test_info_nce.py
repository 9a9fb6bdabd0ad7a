import gc
import weakref

import distributed_workers
import pytest
import torch
from contracts.loss import LossContract, make_views, relative, through_graph, unit, value_and_gradients

from gnnclr.graph import FeatureBank
from gnnclr.losses import InfoNCELoss
from gnnclr.nn.log_partition import ImplicitLogPartition


def literal(query, key, temperature, negatives=None):
    """Negatives of query i: the other keys, or the given ones [n, m, d]."""
    total = 0.0
    for i in range(len(query)):
        others = key[[j for j in range(len(key)) if j != i]] if negatives is None else negatives[i]
        ratios = torch.exp((others @ query[i] - key[i] @ query[i]) / temperature)
        total = total + torch.log1p(ratios.sum())
    return total / len(query)


class TestInfoNCE(LossContract):
    symmetric = False
    takes_labels = False
    memory_samples = 5800  # one view against the other

    def make(self, temperature=0.1, **kwargs):
        return InfoNCELoss(temperature, **kwargs)

    def reference(self, views, temperature):
        return literal(unit(views[0]), unit(views[1]), temperature)

    def reference_of_units(self, views, temperature):
        return literal(*views, temperature)


TestInfoNCEThroughGraph = through_graph(TestInfoNCE)


@pytest.mark.parametrize("impl", ["auto", "flash", "tiles", "dense"])
def test_shared_negatives(impl):
    query, key = make_views(6)
    negatives = make_views(11, views=1, seed=1)[0]
    loss = InfoNCELoss(0.2, impl=impl)
    value, grad = value_and_gradients(loss, [query, key, negatives])
    expected, expected_grad = value_and_gradients(
        lambda q, k, m: literal(unit(q), unit(k), 0.2, unit(m).expand(6, -1, -1)),
        [x.double() for x in (query, key, negatives)],
    )
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5


def test_negatives_of_each_query():
    query, key = make_views(6)
    negatives = make_views(6 * 4, views=1, seed=1)[0].view(6, 4, -1)
    value = InfoNCELoss(0.2)(query, key, negatives)
    expected = literal(unit(query), unit(key), 0.2, unit(negatives.flatten(0, 1)).view(6, 4, -1))
    assert relative(value, expected) < 1e-5


def test_bank_negatives():
    query, key = make_views(6)
    bank = FeatureBank(16, 32)
    rows = make_views(9, views=1, seed=2)[0]
    bank.update(rows)
    value, grad = value_and_gradients(lambda q, k: InfoNCELoss(0.2)(q, k, bank), [query, key])
    expected, expected_grad = value_and_gradients(
        lambda q, k: literal(unit(q), unit(k), 0.2, unit(rows).expand(6, -1, -1)), [query.double(), key.double()]
    )
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5


@pytest.mark.parametrize("empty", [FeatureBank(16, 32), torch.zeros(0, 32), torch.zeros(6, 0, 32)])
def test_negatives_without_rows_are_refused(empty):
    query, key = make_views(6)
    with pytest.raises(ValueError, match=r"'negatives' must have rows: write keys into a bank .* \(got"):
        InfoNCELoss(0.2)(query, key, empty)
    torch.testing.assert_close(InfoNCELoss(0.2)(query, key, empty, in_batch=True), InfoNCELoss(0.2)(query, key))
    assert InfoNCELoss(0.2)(query[:0], key[:0], torch.zeros(0, 3, 32)) == 0  # a batch without queries


def ranking_loss(anchor, *candidates):
    """The loss of sentence-transformers: each anchor finds its own among all positives and all hard negatives."""
    rows = [unit(x) for x in candidates]
    total = 0.0
    for i, query in enumerate(unit(anchor)):
        scores = torch.stack([query @ row for part in rows for row in part]) * 20
        total = total - torch.log_softmax(scores, dim=0)[i]
    return total / len(anchor)


@pytest.mark.parametrize("impl", ["auto", "tiles"])
@pytest.mark.parametrize(
    "form", [lambda *v: v[0], lambda *v: list(v), lambda *v: torch.stack(v, 1), lambda *v: torch.cat(v)]
)
def test_hard_negatives_beside_the_batch(form, impl):
    views = make_views(6, views=4)
    hard = 1 if form(*views[2:]) is views[2] else 2
    loss = InfoNCELoss(0.05, impl=impl)
    value, grad = value_and_gradients(lambda q, k, *n: loss(q, k, form(*n), in_batch=True), views[: 2 + hard])
    expected, expected_grad = value_and_gradients(ranking_loss, [v.double() for v in views[: 2 + hard]])
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5


def test_a_list_of_negatives_is_of_each_query():
    query, key, *negatives = make_views(6, views=4)
    expected = InfoNCELoss(0.2)(query, key, torch.stack(negatives, dim=1))
    assert torch.equal(InfoNCELoss(0.2)(query, key, negatives), expected)
    with pytest.raises(ValueError, match=r"'negatives\[1\]' must have shape \[6, 32\]"):
        InfoNCELoss(0.2)(query, key, [negatives[0], negatives[1][:5]])
    with pytest.raises(ValueError, match="'in_batch' must be True or False"):
        InfoNCELoss(0.2)(query, key, in_batch=1)


def test_hard_negatives_on_two_processes(gloo):
    views = [view.double() for view in make_views(7, views=4)]
    sizes = (4, 3)
    batches = list(zip(*(view.split(sizes) for view in views[:2])))
    stacked = torch.stack(views[2:], 1)[..., :6]  # as wide as what the encoder gives
    kwargs = {"negatives": list(stacked.split(sizes)), "in_batch": True}
    results = gloo(distributed_workers.loss_gradient, InfoNCELoss(0.2, gather_distributed=True), batches, kwargs)
    torch.manual_seed(0)
    encoder = torch.nn.Linear(32, 6).double()
    expected = InfoNCELoss(0.2)(*(encoder(view) for view in views[:2]), stacked, in_batch=True)
    for value, _ in results:
        torch.testing.assert_close(value, expected.detach(), rtol=1e-9, atol=0)


def test_wrong_negatives():
    query, key = make_views(6)
    with pytest.raises(ValueError, match=r"'negatives' must have shape \[m, 32\] or \[6, m, 32\] \(got"):
        InfoNCELoss()(query, key, torch.randn(5, 4, 32))
    with pytest.raises(ValueError, match="'negatives' must be a tensor or a FeatureBank"):
        InfoNCELoss()(query, key, "all")


@pytest.mark.parametrize("impl", ["auto", "tiles"])
def test_a_step_is_not_kept_until_the_garbage_is_collected(impl, monkeypatch):
    seen, build = [], ImplicitLogPartition.__init__

    def remember(self, *args, **kwargs):
        build(self, *args, **kwargs)
        seen.append(weakref.ref(self))

    monkeypatch.setattr(ImplicitLogPartition, "__init__", remember)
    views = [view.requires_grad_() for view in make_views(9)]
    gc.disable()
    try:
        loss = InfoNCELoss(0.1, impl=impl)
        loss(torch.cat(views), loss.graph(*views)).backward()
        assert len(seen) == 1 and seen[0]() is None
    finally:
        gc.enable()


def test_peer():
    peer = pytest.importorskip("info_nce", reason="info-nce-pytorch is not installed (make bench installs it)")
    query, key = make_views(16)
    value, grad = value_and_gradients(InfoNCELoss(0.2), [query, key])
    expected, expected_grad = value_and_gradients(peer.InfoNCE(0.2), [query, key])
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5
