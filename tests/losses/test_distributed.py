"""Two processes give the gradient of one process on the joined batch."""

import re

import distributed_workers
import pytest
import torch
from contracts.loss import make_views

from gnnclr.graph import FeatureBank
from gnnclr.losses import DCLLoss, InfoNCELoss, NTXentLoss, PrototypeLoss, SpectralContrastiveLoss, SupConLoss
from gnnclr.ops.processes.agreement import _difference

LABELS = torch.tensor([0, 1, 0, 2, 2, 0, 1, 3, 1])


def joined(loss, batches, kwargs):
    torch.manual_seed(0)
    encoder = torch.nn.Linear(32, 6).double()
    kwargs = {key: torch.cat(value) if isinstance(value, list) else value for key, value in kwargs.items()}
    value = loss(*(encoder(torch.cat(views)) for views in zip(*batches)), **kwargs)
    value.backward()
    return value.detach(), torch.cat([p.grad.flatten() for p in encoder.parameters()])


@pytest.mark.parametrize("sizes", [(5, 4), (1, 8), (0, 9), (9, 0)])
@pytest.mark.parametrize(
    "name,loss,views",
    [
        ("nt_xent", NTXentLoss, 2),
        ("nt_xent of three views", NTXentLoss, 3),
        ("info_nce", InfoNCELoss, 2),
        ("info_nce with negatives", InfoNCELoss, 2),
        ("sup_con", SupConLoss, 2),
        ("sup_con of labels", SupConLoss, 1),
    ],
)
def test_gradient_equals_one_process(gloo, name, loss, views, sizes):
    data = [view.double() for view in make_views(9, views=views)]
    batches = list(zip(*(view.split(sizes) for view in data)))
    kwargs = {}
    if "labels" in name:
        kwargs["labels"] = list(LABELS.split(sizes))
    if "negatives" in name:
        kwargs["negatives"] = [torch.randn(3, 6, generator=torch.Generator().manual_seed(i)).double() for i in range(2)]
    results = gloo(distributed_workers.loss_gradient, loss(0.2, gather_distributed=True), batches, kwargs)
    expected, expected_grad = joined(loss(0.2), batches, kwargs)
    for value, grad in results:
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
        torch.testing.assert_close(grad, expected_grad, rtol=1e-9, atol=1e-12)


def test_without_gather_each_process_is_on_its_own(gloo):
    data = [view.double() for view in make_views(8)]
    batches = list(zip(*(view.split(4) for view in data)))
    (value, _), _ = gloo(distributed_workers.loss_gradient, NTXentLoss(0.2), batches, {})
    parts = [joined(NTXentLoss(0.2), [batch], {})[0] for batch in batches]
    torch.testing.assert_close(value, sum(parts) / 2)


def refusals(gloo, loss, *cases):
    """What both processes say, which is the same; each case has positional and keyword arguments of both."""
    first, other = gloo(distributed_workers.refusals, loss, cases)
    assert first == other
    return first


def test_no_samples_at_all(gloo):
    empty = ([torch.zeros(0, 6, requires_grad=True)] * 2, {})
    assert refusals(gloo, NTXentLoss(0.2, gather_distributed=True), (empty, empty)) == [None]


def test_unequal_views_are_refused_as_by_one_process(gloo):
    """Short views were padded by zeros, and long ones cut."""
    views = [torch.randn(5, 4), torch.randn(3, 4)]
    with pytest.raises(ValueError, match=r"'views\[1\]' must have shape \[5, 4\]"):
        NTXentLoss()(*views)
    (message,) = refusals(gloo, NTXentLoss(gather_distributed=True), ((views, {}), (views, {})))
    assert message == (
        "'views[1]' must have shape [5, 4] (got tensor of shape [3, 4] and dtype torch.float32 on rank 0)"
    )


def test_negatives_that_differ(gloo):
    views = make_views(4, 6)
    shared, own = torch.randn(3, 6), torch.randn(4, 3, 6)
    bank = FeatureBank(5, 6)
    bank.update(own[0])
    patterns = {
        (shared, None): r"'negatives' must be alike on all processes: .*\[n, 6\].* \(got none on rank 1\)",
        (own, torch.randn(4, 2, 6)): r"'negatives' .*\[n, 3, 6\].*\[n, 2, 6\].* on rank 1\)",
        (own, shared): r"'negatives' .*\[n, 3, 6\].*\[n, 6\].* on rank 1\)",
        (shared, shared.double()): r"'negatives' .*float32.*float64 on rank 1\)",
        (shared, bank): r"'negatives' .*\[n, 6\].*FeatureBank.* on rank 1\)",
        (bank, FeatureBank(5, 7)): r"'negatives' must be a tensor or a FeatureBank of width 6 .* on rank 1\)",
        (own, own[:2]): r"'negatives' must have shape \[m, 6\] or \[4, m, 6\] .* on rank 1\)",
        (shared, shared / 0): r"'negatives' must be finite \(got 18 NaN or infinite entries on rank 1\)",
    }
    cases = [[(views, {"negatives": value}) for value in pair] for pair in patterns]
    for pattern, message in zip(
        patterns.values(), refusals(gloo, InfoNCELoss(0.2, gather_distributed=True), *cases), strict=True
    ):
        assert re.fullmatch(pattern, message), message


def test_banks_and_temperatures_of_one_process(gloo):
    views, (filled, broken) = make_views(4, 6), (FeatureBank(5, 6) for _ in range(2))
    filled.update(torch.randn(4, 6))
    broken.update(torch.randn(4, 6))
    broken.storage[0] = torch.nan
    patterns = {
        FeatureBank(5, 6): "'negatives' must have rows: .* on rank 1\\)",
        broken: r"'bank' must be finite \(got 6 NaN or infinite entries on rank 1\)",
        filled: None,
    }
    cases = [[(views, {"negatives": bank}) for bank in (filled, other)] for other in patterns]
    found = refusals(gloo, InfoNCELoss(0.2, gather_distributed=True), *cases)
    for pattern, message in zip(patterns.values(), found, strict=True):
        assert (message is None) if pattern is None else re.fullmatch(pattern, message), message
    losses = [SupConLoss(torch.nn.Parameter(torch.tensor(0.2)), gather_distributed=True) for _ in range(2)]
    losses[1].temperature.data.fill_(-0.1)
    (first,), (second,) = gloo(distributed_workers.own_loss, losses, views)
    assert first == second and first.startswith("'temperature' must be a positive number")


def test_missing_labels_are_told(gloo):
    views, labels = make_views(4, 6), torch.tensor([1.0, torch.nan, 1.0, 2.0])
    for loss in (SupConLoss(gather_distributed=True), NTXentLoss(gather_distributed=True)):
        assert refusals(gloo, loss, ((views, {"labels": labels}), (views, {"labels": labels[[0, 2, 2, 3]]}))) == [None]


def test_large_entries_are_no_infinite_ones(gloo):
    views = [torch.full((4, 6), 3e38)] * 2  # whose sum is infinite
    assert refusals(gloo, SpectralContrastiveLoss(gather_distributed=True), ((views, {}), (views, {}))) == [None]


def test_entries_that_are_too_large_on_one_process(gloo):
    good = make_views(4, 6)
    bad = [good[0], good[1] * 1e20]
    loss = PrototypeLoss(normalized=False, gather_distributed=True)
    (message,) = refusals(gloo, loss, ((bad, {}), (good, {})))
    assert message.startswith("'views' must have entries up to ")


def test_other_losses_do_not_wait_for_each_other(gloo):
    views = make_views(4, 6)
    message = "'loss' must be alike on all processes: NTXentLoss, as on rank 0 (got DCLLoss on rank 1)"
    losses = [loss(gather_distributed=True) for loss in (NTXentLoss, DCLLoss)]
    assert gloo(distributed_workers.own_loss, losses, views) == [[message], [message]]


def test_what_most_processes_have_is_wanted():
    texts = ["views[0]: [n, 4]\nlabels: int", "views[0]: [n, 5]\nlabels: int", "views[0]: [n, 5]\nlabels: int"]
    assert _difference(texts) == (
        "'views[0]' must be alike on all processes: [n, 5], as on rank 1 (got [n, 4] on rank 0)"
    )


def test_many_views_differ_where_the_description_ends(gloo):
    views = [torch.randn(2, 6) for _ in range(60)]
    other = [*views[:-1], views[-1].double()]
    message, good = refusals(
        gloo, NTXentLoss(gather_distributed=True), ((views, {}), (other, {})), ((views, {}), (views, {}))
    )
    assert "must be alike on all processes" in message and good is None
