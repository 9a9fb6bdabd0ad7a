import gc
import weakref

import pytest
import torch
from contracts.loss import LossContract, make_views, relative, unit, value_and_gradients

from gnnclr.graph import FeatureBank
from gnnclr.losses import InfoNCELoss
from gnnclr.nn.log_partition import ImplicitLogPartition


def literal(query, key, temperature, negatives=None):
    """Negatives of query i: the other keys, or the given ones [n, m, d]."""
    total = 0.0
    for i in range(len(query)):
        others = [key[j] for j in range(len(key)) if j != i] if negatives is None else list(negatives[i])
        ratios = [torch.exp((query[i] @ other - query[i] @ key[i]) / temperature) for other in others]
        total = total + torch.log1p(sum(ratios))
    return total / len(query)


class TestInfoNCE(LossContract):
    symmetric = False
    takes_labels = False
    memory_samples = 8192  # one view against the other

    def make(self, temperature=0.1, **kwargs):
        return InfoNCELoss(temperature, **kwargs)

    def reference(self, views, temperature):
        return literal(unit(views[0]), unit(views[1]), temperature)

    def reference_of_units(self, views, temperature):
        return literal(*views, temperature)


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


def test_empty_bank_has_no_negatives():
    assert InfoNCELoss(0.2)(*make_views(6), FeatureBank(16, 32)) == 0


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
        InfoNCELoss(0.1, impl=impl)(*views).backward()
        assert len(seen) == 1 and seen[0]() is None
    finally:
        gc.enable()


def test_peer():
    peer = pytest.importorskip("info_nce", reason="info-nce-pytorch is not installed (make bench installs it)")
    query, key = make_views(16)
    value, grad = value_and_gradients(InfoNCELoss(0.2), [query, key])
    expected, expected_grad = value_and_gradients(peer.InfoNCE(0.2), [query, key])
    assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5
