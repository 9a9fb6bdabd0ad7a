"""Weights of samples, and the losses of anchors: each is the loss of the graph on which no other node is an anchor."""

import inspect
from copy import copy
from functools import partial

import distributed_workers
import pytest
import torch
from contracts.discovery import cases, public
from contracts.loss import LossContract, make_views, relative
from torch import nn

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses import (
    AggregatedLoss,
    AsymmetricInfoNCELoss,
    BarlowTwinsLoss,
    CLIPLoss,
    DCLLoss,
    GraphLoss,
    InfoNCELoss,
    JSDLoss,
    JumpingKnowledgeLoss,
    NTXentLoss,
    RandomWalkLaplacianLoss,
    SupConLoss,
    TripletLoss,
)
from gnnclr.nn import AlignmentConv, ContrastiveConv, PotentialConv
from gnnclr.nn.attention import AttentionAlignmentConv, MultiHeadAttention
from gnnclr.ops.kernels import Gaussian

CASES = [case for case in cases("losses", LossContract) if case().make(0.3).per_anchor]
LABELS = torch.tensor([0, 1, 0, 2, 2, 0, 1, 3, 1])


def factors(size, seed=0, signed=True):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn if signed else torch.rand
    return draw(size, generator=generator, dtype=torch.float64)


def reduced(loss, reduction):
    loss.reduction = reduction
    return loss


def literal(loss, x, graph):
    """The loss of each anchor: the mean over one anchor, and with a mean over pairs, times the weight of its pairs."""
    anchors = range(graph.num_nodes) if graph.anchor is None else graph.anchor.nonzero().view(-1).tolist()
    each = []
    for i in anchors:
        alone = copy(graph)
        alone.anchor = torch.arange(graph.num_nodes) == i
        pairs = int((graph.positives[1] == i).sum()) if loss.mean == "pairs" else 1
        each.append(loss(x, alone) * pairs)
    return torch.stack(each)


def gradients(value, x, loss):
    inputs = [x, *loss.parameters()]
    return torch.autograd.grad(value, inputs, retain_graph=True, allow_unused=True, materialize_grads=True)


def assert_same(got, wanted, tolerance=1e-9):
    for a, b in zip(got, wanted, strict=True):
        a, b = a.detach(), b.detach()
        assert relative(a, b) < tolerance or float((a - b).norm()) < 1e-13


def batch(case, labels):
    """The loss, its rows and their graph."""
    case = case()
    loss = case.make(0.3).double()
    arguments = case.joined_arguments()
    if labels:
        arguments["labels"] = LABELS
    views = [view.double() for view in make_views(9, 8 * case.even, views=case.num_views[-1])]
    graph = loss.graph(*views, **arguments)
    return loss, graph.x.requires_grad_(), graph


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("labels", [False, True])
def test_the_loss_of_each_anchor(case, labels):
    """Values, and gradients for factors of any sign."""
    if labels and not case.takes_labels:
        pytest.skip("takes no labels")
    loss, x, graph = batch(case, labels)
    wanted = literal(reduced(loss, "mean"), x, graph)
    each = reduced(loss, "none")(x, graph)
    assert each.shape == wanted.shape and relative(each.detach(), wanted.detach()) < 1e-10
    c = factors(each.numel())
    assert_same(gradients((c * each).sum(), x, loss), gradients((c * wanted).sum(), x, loss))
    with torch.no_grad():
        assert torch.equal(loss(x, graph), each)
    total = reduced(loss, "sum")(x, graph)
    assert relative(total.detach(), each.detach().sum()) < 1e-10
    assert_same(gradients(total, x, loss), gradients(wanted.sum(), x, loss))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_weights_of_anchors(case):
    loss, x, graph = batch(case, labels=False)
    each = literal(reduced(loss, "mean"), x, graph)
    weighed, weight = copy(graph), factors(graph.num_nodes, signed=False)
    weight[0] = 0.0
    weighed.anchor_weight = weight
    w = weight if graph.anchor is None else weight[graph.anchor]
    counts = graph.has_positive if graph.anchor is None else graph.has_positive[graph.anchor]
    pairs = torch.bincount(graph.positives[1], minlength=graph.num_nodes) if loss.mean == "pairs" else 1
    pairs = pairs if graph.anchor is None or isinstance(pairs, int) else pairs[graph.anchor]
    for reduction, expected in (("mean", (w * each).sum() / (w * counts * pairs).sum()), ("sum", (w * each).sum())):
        value = reduced(loss, reduction)(x, weighed)
        assert relative(value.detach(), expected.detach()) < 1e-10
        assert_same(gradients(value, x, loss), gradients(expected, x, loss))
    weighed.anchor_weight = weight.clone().requires_grad_()
    for reduction in ("sum", "none"):
        value = reduced(loss, reduction)(x, weighed).sum()
        (by_weight,) = torch.autograd.grad(value, weighed.anchor_weight)
        assert_same([by_weight if graph.anchor is None else by_weight[graph.anchor]], [counts * each])
    weighed.anchor_weight = weight
    assert_same([reduced(loss, "none")(x, weighed)], [w * each])
    equal = copy(graph)
    equal.anchor_weight = torch.full((graph.num_nodes,), 3e30)
    assert_same([reduced(loss, "mean")(x, equal)], [loss(x, graph)], 1e-12)
    equal.anchor_weight = torch.zeros(graph.num_nodes)
    assert loss(x, equal) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_weight_for_each_sample(case):
    """By the call, of lists too."""
    case = case()
    views = [view.double() for view in make_views(9, 8 * case.even, views=case.num_views[-1])]
    loss, arguments, weight = case.make(0.3), case.joined_arguments(), factors(9, signed=False)
    if "weight" not in loss.inputs:
        pytest.skip("its graph is one of its own")
    graph = loss.graph(*views, **arguments)
    graph.anchor_weight = weight[graph.sample]
    value = loss(*views, weight=weight, **arguments)
    torch.testing.assert_close(value, loss(graph.x, graph), rtol=1e-12, atol=0)
    assert relative(value.detach(), loss(*views, **arguments).detach()) > 1e-4
    assert torch.equal(
        loss(*views, weight=weight.tolist(), **arguments), loss(*views, weight=weight.float(), **arguments)
    )
    assert relative(loss(*views, weight=torch.ones(9), **arguments), loss(*views, **arguments)) < 1e-6
    for wrong, message in (
        (weight[1:], r"'weight' must have shape \[9\] \(got tensor of shape \[8\]"),
        (-weight, "'weight' must not be negative or NaN or infinite"),
        (weight * float("inf"), "'weight' must not be negative or NaN or infinite"),
        (weight.clone().requires_grad_(), "'weight' must be constant: it is not learned"),
        ("heavy", r"'weight' must have shape \[9\] \(got str"),
    ):
        with pytest.raises(ValueError, match=message):
            loss(*views, weight=wrong, **arguments)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "kind", [NTXentLoss, InfoNCELoss, SupConLoss, RandomWalkLaplacianLoss, partial(DCLLoss, weighted=True)], ids=str
)
def test_two_processes(gloo, kind, reduction):
    """The mean over processes of what each has is that of the joined batch; losses of anchors are added here."""
    views, weight, sizes = [view.double() for view in make_views(9)], factors(9, signed=False), (5, 4)
    kwargs = {"weight": list(weight.split(sizes))}
    if kind is SupConLoss:
        kwargs["labels"] = list(LABELS.split(sizes))
    loss = kind(reduction=reduction, gather_distributed=True)
    batches = list(zip(*(view.split(sizes) for view in views)))
    results = gloo(distributed_workers.loss_gradient, Added(loss) if reduction == "none" else loss, batches, kwargs)
    torch.manual_seed(0)
    encoder = nn.Linear(32, 6).double()
    joined = {name: torch.cat(parts) for name, parts in kwargs.items()}
    expected = kind(reduction=reduction)(*(encoder(view) for view in views), **joined).sum()
    expected.backward()
    for value, grad in results:
        torch.testing.assert_close(value, expected.detach(), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(grad, torch.cat([p.grad.flatten() for p in encoder.parameters()]), rtol=1e-8, atol=0)


class Added(nn.Module):
    """The sum of losses of anchors, of which each of two processes has its own."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, *args, **kwargs):
        return 2 * self.loss(*args, **kwargs).sum()


def test_gathered_weights_are_constants(gloo):
    views, weight = make_views(4), torch.ones(4, requires_grad=True)
    case = [(views, {"weight": weight})] * 2
    first, other = gloo(distributed_workers.refusals, NTXentLoss(gather_distributed=True), [case])
    assert first == other and "'weight' must be constant: it is not learned" in first[0]


@pytest.mark.parametrize("kind", [NTXentLoss, SupConLoss])
def test_gradcheck(kind):
    tau = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
    views = [view.double().requires_grad_() for view in make_views(4, 3)]
    weight = factors(4, signed=False)
    assert torch.autograd.gradcheck(
        lambda t, *v: kind(t, reduction="none")(*v, weight=weight), (tau, *views), fast_mode=True
    )


@pytest.mark.parametrize("case", [case for case in CASES if case.learnable], ids=lambda case: case.__name__)
def test_a_learned_temperature_warns_of_nothing(case, recwarn):
    """Numbers are taken of it where autograd differentiates by weights, and to show the loss."""
    torch.set_warn_always(True)
    try:
        loss, x, graph = batch(case, labels=False)
        loss = reduced(case().make(nn.Parameter(torch.tensor(0.3))).double(), "none")
        loss(x, graph).sum().backward()
        assert "temperature=" in repr(loss) and [str(warning.message) for warning in recwarn] == []
    finally:
        torch.set_warn_always(False)


def test_order_of_the_losses_and_what_they_are():
    z0, z1 = make_views(6)
    each = NTXentLoss(0.2, reduction="none")(z0, z1)
    swapped = NTXentLoss(0.2, reduction="none")(z1, z0)
    torch.testing.assert_close(each.view(2, 6), swapped.view(2, 6).flip(0))
    torch.testing.assert_close(each.mean(), NTXentLoss(0.2)(z0, z1))
    similarity = nn.functional.cosine_similarity(z0[:, None], z1[None], dim=2) / 0.2
    weight = torch.rand(6)
    for reduction in ("none", "sum", "mean"):
        expected = nn.functional.cross_entropy(similarity, torch.arange(6), reduction=reduction)
        torch.testing.assert_close(InfoNCELoss(0.2, reduction=reduction)(z0, z1), expected)
        # A weight for each class is one for each sample, where each sample is a class.
        expected = nn.functional.cross_entropy(similarity, torch.arange(6), weight, reduction=reduction)
        torch.testing.assert_close(InfoNCELoss(0.2, reduction=reduction)(z0, z1, weight=weight), expected)


def test_negatives_of_ones_own_and_banks_take_no_weight():
    z0, z1 = make_views(5)
    for negatives in (torch.randn(7, 32), torch.randn(5, 3, 32)):
        each = InfoNCELoss(reduction="none")(z0, z1, negatives)
        assert each.shape == (5,)
        weight = torch.rand(5)
        expected = (weight * each).sum() / weight.sum()
        torch.testing.assert_close(InfoNCELoss()(z0, z1, negatives, weight=weight), expected)


def test_learned_attention_is_trained_by_losses_of_anchors():
    torch.manual_seed(0)
    views = [view.double() for view in make_views(5, 8, views=3)]
    for weighs in ("row", "alignment"):
        attention = MultiHeadAttention(8).double()
        conv = ContrastiveConv(0.3, AttentionAlignmentConv(0.3, attention, weighs))
        loss, graph = GraphLoss(conv), augmentation_graph(views)
        x, c = graph.x.requires_grad_(), factors(15)
        wanted = gradients((c * literal(loss, x, graph)).sum(), x, loss)
        assert all(by.abs().max() > 0 for by in wanted)
        assert_same(gradients((c * reduced(loss, "none")(x, graph)).sum(), x, loss), wanted)


def test_anchors_without_negatives():
    """The mean of log-partitions leaves them out; sums have nothing to divide by."""
    views = [view.double() for view in make_views(4, 8)]
    graph = augmentation_graph(views)
    graph.negative_index = torch.tensor([[1, 2, 3], [0, 0, 5]])
    x, c = graph.x.requires_grad_(), factors(8)
    for mean in ("anchors", "pairs"):
        loss = DCLLoss(0.3, mean=mean)
        wanted = literal(loss, x, graph)
        each = reduced(loss, "none")(x, graph)
        assert_same([each], [wanted])
        assert_same(gradients((c * each).sum(), x, loss), gradients((c * wanted).sum(), x, loss))
        weighed = copy(graph)
        weighed.anchor_weight = torch.full((8,), 0.7)
        assert_same([reduced(loss, "mean")(x, weighed)], [loss(x, graph)], 1e-12)


def test_empty_batch_and_inference_mode():
    empty = [torch.zeros(0, 8, requires_grad=True) for _ in range(2)]
    each = NTXentLoss(reduction="none")(*empty)
    each.sum().backward()
    assert each.shape == (0,) and empty[0].grad.shape == (0, 8)
    assert NTXentLoss(reduction="sum")(*empty, weight=torch.ones(0)) == 0
    views, labels = make_views(6), torch.tensor([0, 0, 1, 1, 2, 3])
    for loss in (NTXentLoss(reduction="none"), SupConLoss(reduction="none"), CLIPLoss(reduction="none")):
        with torch.inference_mode():
            inside = loss(*[view.clone() for view in views], labels=labels.clone())
        torch.testing.assert_close(inside, loss(*views, labels=labels).detach())


def test_half_precision():
    views = make_views(6)
    for dtype in (torch.float16, torch.bfloat16):
        halves = [view.to(dtype).requires_grad_() for view in views]
        each = NTXentLoss(reduction="none")(*halves, weight=torch.ones(6, dtype=dtype))
        each.sum().backward()
        assert each.dtype == torch.float32 and halves[0].grad.dtype == dtype
        expected = NTXentLoss(reduction="none")(*[view.to(dtype).float() for view in views])
        torch.testing.assert_close(each, expected)


def test_a_loss_of_targets_takes_weights():
    from torch_geometric.nn import SimpleConv

    z0, z1 = make_views(6)
    weight = torch.rand(6)
    loss = AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.2))
    graph = loss.graph(z0, z1)
    each = literal(loss, graph.x, graph).view(2, 6)
    expected = (weight * each).sum() / (2 * weight.sum())
    torch.testing.assert_close(loss(z0, z1, weight=weight), expected)
    with pytest.raises(ValueError, match="'loss' must have the reduction 'mean'"):
        AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.2, reduction="sum"))


@pytest.mark.parametrize("kind", public("losses", GraphLoss), ids=lambda kind: kind.__name__)
def test_every_loss_has_both_or_neither(kind):
    arguments = inspect.signature(kind.__init__).parameters
    takes = "weight" in inspect.signature(kind.graph).parameters
    if kind is not AggregatedLoss:  # which hands weights on to its loss
        assert takes == ("reduction" in arguments)


def test_losses_that_are_no_mean_over_anchors_refuse():
    views, weight = make_views(6), torch.ones(6)
    for loss in (BarlowTwinsLoss(), JSDLoss(), TripletLoss(), JumpingKnowledgeLoss()):
        with pytest.raises(ValueError, match=r"'weight' is no keyword of \w+, no mean over anchors, which"):
            loss(*views, weight=weight)
        with pytest.raises(TypeError, match="reduction"):
            type(loss)(reduction="none")
        graph = loss.graph(*views)
        graph.anchor_weight = torch.ones(12)
        with pytest.raises(ValueError, match=r"'graph.anchor_weight' must be absent for (\w+Conv|WeightedSum),"):
            loss(graph.x, graph)
    with pytest.raises(ValueError, match="'weight' is no keyword of AsymmetricInfoNCELoss"):
        AsymmetricInfoNCELoss()(*make_views(6, views=3), weight=weight)
    with pytest.raises(ValueError, match="'reduction' must be 'mean' for GraphLoss, no mean over anchors"):
        GraphLoss(PotentialConv(Gaussian(1.0)), reduction="sum")
    with pytest.raises(ValueError, match="'reduction' must be one of 'mean', 'sum', 'none'"):
        NTXentLoss(reduction="average")
    assert "reduction='none'" in repr(NTXentLoss(reduction="none")) and "reduction" not in repr(NTXentLoss())


def test_weights_of_a_graph_are_checked():
    x = make_views(4, 3, views=1)[0]
    for weight, reduction, message in (
        (torch.ones(3), None, r"'anchor_weight' must have shape \[4\]"),
        (-torch.ones(4), None, "'anchor_weight' must not be negative"),
        (torch.full((4,), float("nan")), "sum", "'anchor_weight' must not be NaN or infinite"),
        (None, "none", "'reduction' must be one of 'mean', 'sum'"),
    ):
        with pytest.raises(ValueError, match=message):
            ContrastGraph(x, anchor_weight=weight, reduction=reduction)
    graph = ContrastGraph(x, group=torch.tensor([0, 0, 1, 1]), anchor_weight=torch.tensor([1, 0, 2, 1]))
    energy = AlignmentConv(1.0).energy(x, graph)
    torch.testing.assert_close(energy, -((x[0] @ x[1]) + 3 * (x[2] @ x[3])) / 4)
    graph.reduction, graph.anchor_weight = "sum", -graph.anchor_weight
    torch.testing.assert_close(AlignmentConv(1.0).energy(x, graph), (x[0] @ x[1]) + 3 * (x[2] @ x[3]))
    graph.reduction = None
    with pytest.raises(ValueError, match="'anchor_weight' must not be negative"):
        AlignmentConv(1.0).energy(x, graph)


def test_weights_of_pytorch_metric_learning_divide_by_the_number_of_anchors():
    pytest.importorskip("pytorch_metric_learning", reason="pytorch-metric-learning is not installed")
    from pytorch_metric_learning import losses, reducers

    x, y, w = make_views(12, 5, views=1)[0], torch.arange(12) % 3, torch.tensor([1.0, 2.0, 5.0])
    expected = losses.SupConLoss(0.2, reducer=reducers.ClassWeightedReducer(w))(x, y)
    each = SupConLoss(0.2, reduction="none")(x, labels=y, weight=w[y])
    torch.testing.assert_close(each.mean(), expected)
    torch.testing.assert_close(SupConLoss(0.2)(x, labels=y, weight=w[y]), each.sum() / w[y].sum())
