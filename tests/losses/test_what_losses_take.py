"""Arguments as users of other losses have them: stacks and lists of views, labels of any kind, the temperature."""

import inspect

import numpy as np
import pytest
import torch
from contracts.discovery import public
from contracts.loss import make_views, relative, value_and_gradients

from gnnclr.losses import (
    CLIPLoss,
    DHELLoss,
    GraphLoss,
    InfoNCELoss,
    KernelInfoNCELoss,
    NTXentLoss,
    SigLIPLoss,
    SupConLoss,
)

LABELS = [0, 1, 0, 2, 1, 300]
KINDS = public("losses", GraphLoss)


@pytest.mark.parametrize("kind", [NTXentLoss, SupConLoss, InfoNCELoss, CLIPLoss])
def test_views_as_a_list_or_a_stack(kind):
    views, loss = make_views(6, 8), kind()
    expected, expected_grad = value_and_gradients(loss, views)
    for form in (list, tuple, lambda v: torch.stack(v, dim=1)):
        value, grad = value_and_gradients(lambda *v, form=form: loss(form(v)), views)
        assert torch.equal(value, expected) and torch.equal(grad, expected_grad)
    with pytest.raises(ValueError, match=r"'views' must be two (or more )?matrices \[n, d\] \(got|'labels' must be"):
        loss([views[0]])
    with pytest.raises(ValueError, match=r"'views\[1\]' must be a floating point tensor"):
        loss([views[0], "text"])


def test_a_stack_of_many_views_with_labels():
    views = make_views(6, 8, views=3)
    loss, labels = SupConLoss(0.2), torch.tensor(LABELS)
    assert torch.equal(loss(torch.stack(views, dim=1), labels=labels), loss(*views, labels=labels))
    assert torch.equal(loss([views[0]], labels=labels), loss(views[0], labels=labels))


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        tuple(LABELS),
        np.array(LABELS, dtype=np.int16),
        np.array(LABELS, dtype=np.uint16),
        torch.tensor(LABELS, dtype=torch.int32).unsqueeze(1),
        torch.tensor(LABELS).float(),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_labels_of_any_kind(labels):
    views, loss = make_views(6, 8), NTXentLoss(0.2)
    assert torch.equal(loss(*views, labels=labels), loss(*views, labels=torch.tensor(LABELS)))
    two = [label == 0 for label in LABELS]
    assert torch.equal(loss(*views, labels=two), loss(*views, labels=torch.tensor(two)))
    with pytest.raises(ValueError, match=r"'labels' must be an integer tensor of shape \[6\] \(got"):
        loss(*views, labels=labels[:5])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_loss_that_has_a_temperature_shows_it(kind):
    parameters = inspect.signature(kind.__init__).parameters
    if "temperature" in parameters:
        assert float(kind(temperature=0.3).temperature) == pytest.approx(0.3)
    elif all(p.default is not p.empty for p in list(parameters.values())[1:]):
        assert not hasattr(kind(), "temperature")


def test_temperatures_of_parts():
    tau = torch.nn.Parameter(torch.tensor(0.2))
    for loss in (DHELLoss(tau), DHELLoss(tau, both_views=False), NTXentLoss(tau), KernelInfoNCELoss(tau)):
        assert loss.temperature is tau and len(loss.state_dict()) == 1
    assert KernelInfoNCELoss(0.4, arc_cosine=1).temperature == 0.4
    assert KernelInfoNCELoss(0.4, share=0.5).temperature == 0.4
    assert CLIPLoss(tau).temperature.item() == pytest.approx(0.2) and CLIPLoss(0.2, learnable=False).temperature == 0.2
    assert CLIPLoss(0.001).temperature.item() == pytest.approx(0.01)  # its bound


@pytest.mark.parametrize("loss", [CLIPLoss(0.07), CLIPLoss(0.07, learnable=False), SigLIPLoss(0.07, -2.0)], ids=repr)
def test_a_scale_that_comes_with_the_call(loss):
    views = [view.double() for view in make_views(6, 8)]
    loss, scale = loss.double(), torch.tensor(3.0, dtype=torch.float64).log().requires_grad_()
    expected = type(loss)(1 / 3, *[-2.0] * isinstance(loss, SigLIPLoss), learnable=False)(*views)
    torch.testing.assert_close(loss(*views, logit_scale=scale.exp()), expected, check_dtype=False)
    torch.testing.assert_close(loss(*views, logit_scale=3.0), expected, check_dtype=False)
    assert torch.autograd.gradcheck(lambda s: loss(*views, logit_scale=s.exp()), scale)
    graph = loss.graph(*views)
    torch.testing.assert_close(loss(graph.x, graph, logit_scale=3.0), expected, check_dtype=False)
    assert float(loss.temperature) == pytest.approx(0.07)  # its own, as before
    assert relative(loss(*views).detach(), expected) > 1e-3
    with pytest.raises(ValueError, match="'logit_scale' must be a positive number"):
        loss(*views, logit_scale=-1.0)
    with pytest.raises(ValueError, match="'logit_scale' is no keyword of NTXentLoss"):
        NTXentLoss()(*views, logit_scale=3.0)


@pytest.mark.parametrize("learnable", [True, False])
def test_a_bias_that_comes_with_the_call(learnable):
    views = [view.double() for view in make_views(6, 8)]
    loss = SigLIPLoss(0.07, -2.0, learnable=learnable).double()
    expected = SigLIPLoss(1 / 3, -4.0, learnable=False)(*views)
    bias, scale = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (-4.0, 3.0))
    for b, s in ((bias, scale), (-4.0, 3.0), (bias, 3.0), (-4.0, scale)):
        torch.testing.assert_close(loss(*views, logit_bias=b, logit_scale=s), expected, check_dtype=False)
    assert torch.autograd.gradcheck(lambda b, s: loss(*views, logit_bias=b, logit_scale=s), (bias, scale))
    own = SigLIPLoss(0.07, -4.0, learnable=False)(*views)
    torch.testing.assert_close(loss(*views, logit_bias=-4.0), own, check_dtype=False)
    assert torch.autograd.gradcheck(lambda b: loss(*views, logit_bias=b), bias)
    each = SigLIPLoss(0.07, learnable=False, reduction="none")
    assert torch.autograd.gradcheck(lambda b, s: each(*views, logit_bias=b, logit_scale=s), (bias, scale))
    assert float(loss.conv.bias) == -2.0 and relative(loss(*views).detach(), own) > 1e-3  # its own, as before
    for wrong in ("low", float("nan"), torch.ones(2)):
        with pytest.raises(ValueError, match="'logit_bias' must be a finite number"):
            loss(*views, logit_bias=wrong)
    with pytest.raises(ValueError, match="'logit_bias' is no keyword of CLIPLoss"):
        CLIPLoss()(*views, logit_bias=-4.0)
