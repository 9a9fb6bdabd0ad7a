"""Two processes give the gradient of one process on the joined batch."""

import distributed_workers
import pytest
import torch
from loss_contract import make_views

from gnnclr.losses import InfoNCELoss, NTXentLoss, SupConLoss

LABELS = torch.tensor([0, 1, 0, 2, 2, 0, 1, 3, 1])


def joined(loss, batches, kwargs):
    torch.manual_seed(0)
    encoder = torch.nn.Linear(32, 6).double()
    kwargs = {key: torch.cat(value) if isinstance(value, list) else value for key, value in kwargs.items()}
    value = loss(*(encoder(torch.cat(views)) for views in zip(*batches)), **kwargs)
    value.backward()
    return value.detach(), torch.cat([p.grad.flatten() for p in encoder.parameters()])


@pytest.mark.parametrize("sizes", [(5, 4), (1, 8), (0, 9)])
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
