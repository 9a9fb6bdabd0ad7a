import collections
import math
import sys

import pytest
import torch
from contracts.loss import make_views, relative
from devices import needs_cuda
from torch.utils._python_dispatch import TorchDispatchMode

from gnnclr.losses import CLIPLoss, InfoNCELoss, NTXentLoss, SigLIPLoss
from gnnclr.ops import check, one_side_tiles, row_sweep, tiles
from gnnclr.ops.contrast import pairs, sigmoid_pairs
from gnnclr.ops.contrast_views import contrast_views
from gnnclr.ops.sample_diagonals import SampleDiagonals


def clip(temperature, **options):
    """A CLIP loss at a number, or at a parameter of the caller's."""
    return CLIPLoss(temperature, learnable=isinstance(temperature, torch.Tensor), **options)


def siglip(temperature, **options):
    """The same of SigLIP, at a bias that is in reach of the scores."""
    return SigLIPLoss(temperature, BIAS, learnable=isinstance(temperature, torch.Tensor), **options)


BIAS = -2.5
LOSSES = {"views": NTXentLoss, "keys": InfoNCELoss, "towers": clip, "classified": siglip}
CASES = [("views", 2), ("views", 3), ("keys", 2), ("towers", 2), ("classified", 2)]
#: What makes the host wait for a device.
WAITS = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "_unique2", "unique_dim", "equal")
VIEWS = ("view", "t", "slice", "select", "unsqueeze", "diagonal", "unbind", "split", "detach", "expand", "transpose")
MEMORY = ("empty", "new_empty", "empty_like", "alias", "as_strided", "_unsafe_view", "squeeze", "view_as")


class Watch(TorchDispatchMode):
    """Counts operations by name, and looks at data."""

    def __init__(self):
        super().__init__()
        self.calls, self.looks = collections.Counter(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        self.calls[name] += 1
        by_mask = name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1])
        self.looks += name in WAITS or by_mask
        return function(*args, **(kwargs or {}))

    @property
    def kernels(self):
        return sum(count for name, count in self.calls.items() if name not in (*VIEWS, *MEMORY))


@pytest.fixture
def watch(monkeypatch):
    """A watch that sees ``tolist`` too, which is no operation on the CPU."""
    watch, tolist = Watch(), torch.Tensor.tolist

    def look(x):
        watch.looks += 1
        return tolist(x)

    monkeypatch.setattr(torch.Tensor, "tolist", look)
    return watch


@pytest.mark.parametrize("rows", [slice(0, 5), slice(0, 2), slice(3, 5)])
def test_positives_of_keys_are_a_diagonal(rows):
    tile = torch.arange(25).view(5, 5)[rows].contiguous()
    entries = SampleDiagonals(5).entries(tile, rows, slice(0, 5))
    assert entries.tolist() == [6 * i for i in range(rows.start, rows.stop)]


def derivatives(loss, views, temperature):
    """Value and gradients of a function of views, by a temperature too if that is learned."""
    leaves = [view.clone().requires_grad_() for view in views]
    value = loss(*leaves)
    learned = [temperature] if isinstance(temperature, torch.Tensor) else []
    return value.detach(), *torch.autograd.grad(value, [*leaves, *learned])


def without_graph(pairing, views, temperature):
    bias = BIAS if pairing == "classified" else None
    return derivatives(lambda *v: contrast_views(v, temperature, pairing, bias=bias), views, temperature)


def through_graph(pairing, views, temperature):
    loss = LOSSES[pairing](temperature)
    return derivatives(lambda *v: loss(torch.cat(v), loss.graph(*v)), views, temperature)


@pytest.mark.parametrize("temperature", [0.5, 0.03, 0.011])
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("pairing,num_views", CASES)
def test_equals_the_way_through_a_graph(pairing, num_views, learned, temperature):
    for n in (2, 3, 8, 41):
        views = [view.double() for view in make_views(n, 16, num_views)]
        tau = torch.nn.Parameter(torch.tensor([temperature], dtype=torch.float64)) if learned else temperature
        for got, expected in zip(without_graph(pairing, views, tau), through_graph(pairing, views, tau)):
            assert relative(got, expected) < 1e-11


@pytest.mark.parametrize("pairing,num_views", CASES)
@pytest.mark.parametrize("temperature", [0.1, 0.011])
@pytest.mark.parametrize("looked_at", [("cpu",), ()])
def test_many_tiles(pairing, num_views, temperature, looked_at, monkeypatch):
    """Tiles that cut views anywhere."""
    for module in (tiles, pairs, one_side_tiles, sigmoid_pairs):
        monkeypatch.setattr(module, "tile_size", lambda x: 16)
    monkeypatch.setattr(row_sweep, "TILE_ENTRIES", {"cpu": 33 * 71, "cuda": 0})
    monkeypatch.setattr(row_sweep, "MIN_ROWS", 32)
    monkeypatch.setattr(row_sweep, "MANY_ROWS", 35)
    views = [view.double() for view in make_views(71, 16, num_views)]
    tau = torch.nn.Parameter(torch.tensor(temperature, dtype=torch.float64))
    expected = through_graph(pairing, views, tau)
    monkeypatch.setattr(check, "LOOKED_AT", looked_at)
    if temperature == 0.011 and looked_at and pairing == "views":
        assert contrast_views(views, tau, pairing) is None  # fused kernels are faster
        return
    for got, wanted in zip(without_graph(pairing, views, tau), expected):
        assert relative(got, wanted) < 1e-11


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_diagonals_are_the_pairs_of_a_sample(n):
    i = torch.arange(4 * n)
    excluded = (i.unsqueeze(1) - i) % n == 0
    for top in range(4 * n):
        for left in range(4 * n):
            rows, cols = slice(top, min(top + 2 * n, 4 * n)), slice(left, min(left + 3, 4 * n))
            tile = torch.zeros(4 * n, 4 * n)[rows, cols].contiguous()
            assert torch.equal(SampleDiagonals(n).mask_(tile, rows, cols, 1.0).bool(), excluded[rows, cols])
            some = torch.zeros_like(tile)
            SampleDiagonals(n, first=top).mask_(some, slice(0, len(tile)), cols, 1.0)  # where queries begin there
            assert torch.equal(some, tile)


def step(loss, views):
    value = loss(*views)
    value.backward()
    return value


@pytest.mark.parametrize("pairing", LOSSES)
@pytest.mark.parametrize("temperature", [0.1, 0.01, "learned"])
@pytest.mark.parametrize("n", [8, 700])
def test_an_accelerator_is_never_waited_for(pairing, temperature, n, watch, monkeypatch):
    tau = torch.nn.Parameter(torch.tensor(0.1)) if temperature == "learned" else temperature
    loss, views = LOSSES[pairing](tau), [view.requires_grad_() for view in make_views(n, 8)]
    monkeypatch.setattr(check, "LOOKED_AT", ())
    with watch:
        step(loss, views)
        with torch.no_grad():
            loss(*views)
    assert watch.looks == 0


@pytest.mark.parametrize("pairing", LOSSES)
@pytest.mark.parametrize("learned", [False, True])
def test_a_step_is_short(pairing, learned, watch):
    """Few operations, as host time is what small batches take; and two looks at data at most on the CPU."""
    tau = torch.nn.Parameter(torch.tensor(0.1)) if learned else 0.1
    loss, views = LOSSES[pairing](tau), [view.requires_grad_() for view in make_views(256, 128)]
    with watch:
        step(loss, views)
    assert watch.looks == 1 + learned and watch.kernels <= 36 + 12 * learned


@pytest.mark.parametrize("pairing", LOSSES)
def test_a_step_calls_few_functions(pairing):
    loss, views = LOSSES[pairing](0.1), [view.requires_grad_() for view in make_views(8, 16)]
    step(loss, views)
    steps = []
    for _ in range(3):  # what is collected as garbage may call functions of its own within one of them
        steps.append(calls := [])
        sys.setprofile(lambda frame, event, _, calls=calls: event == "call" and calls.append(frame.f_code.co_name))
        try:
            step(loss, views)
        finally:
            sys.setprofile(None)
    calls = min(steps, key=len)
    assert len(calls) <= 60 + 4 * (pairing in ("towers", "classified")), " ".join(
        calls
    )  # some 20 of them are those of torch


@pytest.mark.parametrize("pairing", LOSSES)
def test_a_value_is_one_product(pairing, watch):
    views = make_views(256, 16)
    with watch, torch.no_grad():
        LOSSES[pairing](0.1)(*views)
    assert sum(watch.calls[name] for name in ("mm", "addmm_", "addmm", "bmm")) == 1


@needs_cuda
@pytest.mark.parametrize("pairing", LOSSES)
@pytest.mark.parametrize("temperature", [0.1, 0.01, "learned"])
@pytest.mark.parametrize("n", [8, 9000])
def test_cuda_is_never_waited_for(pairing, temperature, n):
    tau = torch.nn.Parameter(torch.tensor(0.1)) if temperature == "learned" else temperature
    loss, views = LOSSES[pairing](tau).cuda(), [view.cuda().requires_grad_() for view in make_views(n, 8)]
    step(loss, views)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(RuntimeError, match="synchroniz"):  # what a look at an entry does in this mode
            views[0].sum().item()
        value = step(loss, views)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert value.isfinite() and all(view.grad.isfinite().all() for view in views)


@pytest.mark.parametrize("pairing", LOSSES)
def test_what_is_not_finite(pairing, monkeypatch):
    """Refused by name on the CPU; elsewhere it reaches the loss."""
    views = make_views(5)
    views[1][2, 3] = math.inf
    with pytest.raises(ValueError, match=r"'views\[1\]' must be finite \(got 1 NaN"):
        LOSSES[pairing](0.1)(*views)
    monkeypatch.setattr(check, "LOOKED_AT", ())
    for way in (LOSSES[pairing](0.1), LOSSES[pairing](0.1, impl="tiles")):
        assert not torch.isfinite(way(*views))


@pytest.mark.parametrize("pairing", LOSSES)
@pytest.mark.parametrize("learned", [False, True])
def test_compiled_as_one_graph(pairing, learned):
    torch._dynamo.reset()
    loss, linear = LOSSES[pairing](torch.nn.Parameter(torch.tensor(0.1)) if learned else 0.1), torch.nn.Linear(8, 8)
    inputs = [*linear.parameters(), *loss.parameters()]

    def run(a, b):
        return loss(linear(a), linear(b))

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for seed in (0, 1):
        views = make_views(7, 8, seed=seed)
        expected, value = run(*views), compiled(*views)
        torch.testing.assert_close(value, expected)
        for got, wanted in zip(torch.autograd.grad(value, inputs), torch.autograd.grad(expected, inputs)):
            torch.testing.assert_close(got, wanted)
    with pytest.raises(ValueError, match=r"'views\[0\]' must be finite"):
        compiled(views[0] * math.nan, views[1])


def test_gradients_may_be_taken_again():
    views = [view.requires_grad_() for view in make_views(6)]
    value = NTXentLoss(0.1)(*views)
    first = torch.autograd.grad(3 * value, views, retain_graph=True)
    second = torch.autograd.grad(value, views)
    torch.testing.assert_close(first, tuple(3 * x for x in second))


class OtherGraph(NTXentLoss):
    def graph(self, *views, labels=None):
        graph = super().graph(*views, labels=labels)
        graph.anchor = graph.view == 0
        return graph


class OtherTemperature(NTXentLoss):
    def __init__(self):
        super().__init__(0.2)


@pytest.fixture
def short(monkeypatch):
    """The losses of batches that took no graph."""
    seen = []

    def watch(*args):
        seen.append(contrast_views(*args))
        return seen[-1]

    monkeypatch.setattr("gnnclr.losses.graph_loss.contrast_views", watch)
    return seen


def test_who_takes_the_short_way(short):
    views, labels = make_views(6), torch.arange(6) // 2
    ways = {
        "plain": (NTXentLoss(0.1), {}, True),
        "subclass": (OtherTemperature(), {}, True),
        "none is not given": (NTXentLoss(0.1), {"labels": None}, True),
        "mean": (NTXentLoss(0.1, mean="pairs"), {}, True),
        "towers": (CLIPLoss(0.1), {}, True),
        "classified": (SigLIPLoss(0.1), {}, True),
        "classified, by tiles": (SigLIPLoss(0.1, impl="tiles"), {}, False),
        "a bias of this call": (SigLIPLoss(0.1), {"logit_bias": -1.0}, True),
        "a scale of this call": (CLIPLoss(0.1), {"logit_scale": 3.0}, True),
        "sum": (CLIPLoss(0.1, reduction="sum"), {}, False),
        "labels": (NTXentLoss(0.1), {"labels": labels}, False),
        "impl": (NTXentLoss(0.1, impl="dense"), {}, False),
        "graph": (OtherGraph(0.1), {}, False),
        "negatives": (InfoNCELoss(0.1), {"negatives": views[0]}, False),
    }
    for name, (loss, inputs, expected) in ways.items():
        short.clear()
        value = loss(*views, **inputs)
        assert bool(short) == expected, name
        assert torch.isfinite(value)
    mixed = [views[0], views[1].double()]
    assert torch.isfinite(NTXentLoss(0.1)(*mixed)) and short[-1] is None


def test_a_layer_that_was_changed_is_plain_no_more():
    loss, views = NTXentLoss(0.1), make_views(6)
    loss.conv.alignment.temperature = 0.5
    assert not loss.conv.plain
    loss.conv.temperature = loss.conv.uniformity.temperature = loss.conv.alignment.temperature
    assert loss.conv.plain
    torch.testing.assert_close(loss(*views), NTXentLoss(0.5)(*views))


def test_a_temperature_that_became_wrong_is_refused():
    tau = torch.nn.Parameter(torch.tensor(0.1))
    loss = NTXentLoss(tau)
    with torch.no_grad():
        tau.neg_()
    with pytest.raises(ValueError, match="'temperature' must be a positive number"):
        loss(*make_views(4))
