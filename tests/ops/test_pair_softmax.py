import functools

import pytest
import torch
from devices import needs_cuda
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from gnnclr.ops import PairSoftmax, append_log_weight, flash, pair_logsumexp, tiles
from gnnclr.ops.workspace import Workspace

IMPLS = ["auto", "flash", "tiles"]


def data(n, m, d=16, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        normalize(torch.randn(size, d, generator=generator, dtype=torch.float64), dim=1).to(dtype) for size in (n, m)
    ]


def groups(n, m, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, count, (n,), generator=generator), torch.randint(0, count, (m,), generator=generator)


def literal(q, k, scale, exclude=None, pairs=None, weight=None):
    """The softmax with its matrix and mask, and its messages by autograd."""
    q, k = q.double().clone().requires_grad_(), k.double().clone().requires_grad_()
    s = scale * q @ k.t()
    mask = torch.zeros_like(s, dtype=torch.bool)
    if exclude is not None:
        mask |= exclude[0][:, None] == exclude[1][None]
    if pairs is not None:
        mask[pairs[0], pairs[1]] = True
    lse = torch.logsumexp(s.masked_fill(mask, float("-inf")), 1)
    alive = torch.isfinite(lse)
    grads = torch.autograd.grad((weight.double() * lse)[alive].sum(), (q, k), allow_unused=True)
    return lse.detach(), *(torch.zeros_like(x) if g is None else g / scale for g, x in zip(grads, (q, k)))


@functools.cache
def literal_of_groups(n, m, count, dtype, scale):
    """Data of two sides, or of one where ``m`` is none, with what is :func:`literal` of them: once for all engines."""
    q, k = data(n, m or 1, dtype=dtype)
    k = q if m is None else k
    exclude = None if count is None else groups(n, m or 1, count)
    exclude = (exclude[0],) * 2 if m is None and exclude is not None else exclude
    weight = torch.rand(n, generator=torch.Generator().manual_seed(1)).to(dtype)
    return q, k, exclude, weight, literal(q, k, scale, exclude, weight=weight)


def check(actual, expected, tolerance):
    finite = torch.isfinite(expected[0])
    assert torch.equal(torch.isfinite(actual[0]), finite)
    for a, b in zip(actual, expected):
        a, b = a.double(), b.double()
        a, b = (a[finite], b[finite]) if a.dim() == 1 else (a, b)
        assert float((a - b).norm()) <= tolerance * float(b.norm().clamp(min=1e-30))


@pytest.mark.parametrize("impl", [*IMPLS, "dense"])
@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-11), (torch.float32, 2e-5)])
@pytest.mark.parametrize("n,m", [(1, 1), (7, 5), (513, 300), (1030, 2100)])
@pytest.mark.parametrize("count", [None, 1, 3, 400])
def test_two_sides(n, m, count, dtype, tolerance, impl):
    for temperature in (0.5, 0.01):
        q, k, exclude, weight, expected = literal_of_groups(n, m, count, dtype, 1 / temperature)
        softmax = PairSoftmax(q, k, scale=1 / temperature, exclude=exclude, impl=impl)
        check((softmax.lse, *softmax.messages(weight)), expected, tolerance)


@pytest.mark.parametrize("impl", [*IMPLS, "dense"])
@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-11), (torch.float32, 2e-5)])
@pytest.mark.parametrize("n", [1, 8, 513, 1300])
@pytest.mark.parametrize("count", [None, 1, 3, 400])
def test_symmetric(n, count, dtype, tolerance, impl):
    for temperature in (0.5, 0.01):
        z, _, exclude, weight, (lse, to_q, to_k) = literal_of_groups(n, None, count, dtype, 1 / temperature)
        softmax = PairSoftmax(z, z, scale=1 / temperature, exclude=exclude, symmetric=True, impl=impl)
        check((softmax.lse, softmax.message(weight)), (lse, to_q + to_k), tolerance)


@pytest.mark.parametrize("n", [8, 513, 1300, 2200])  # one tile, several rows of tiles, and several columns
@pytest.mark.parametrize("count", [None, 3, 400])
@pytest.mark.parametrize("most", [0, 2**26])  # kept in new memory, or in lent
def test_exponentials_kept_or_computed_again(n, count, most, monkeypatch):
    monkeypatch.setattr(tiles, "MEMORY", Workspace(most))
    monkeypatch.setattr(tiles, "kept_entries", lambda x: 2**22)
    z, _ = data(n, 1)
    exclude = None if count is None else (groups(n, 1, count)[0],) * 2
    pairs = torch.randint(0, n, (2, 30), generator=torch.Generator().manual_seed(2))
    weight = torch.rand(n, dtype=torch.float64)
    softmax = PairSoftmax(z, z, scale=5.0, exclude=exclude, exclude_pairs=pairs, symmetric=True, impl="tiles")
    ((_, loan),) = softmax._engine._kept
    assert (loan is None) == (most == 0)
    kept, again = softmax.message(weight), softmax.message(weight)  # the first message uses what was kept up
    assert not softmax._engine._kept
    monkeypatch.setattr(tiles, "kept_entries", lambda x: 0)
    shared = PairSoftmax(z, z, scale=5.0, exclude=exclude, exclude_pairs=pairs, symmetric=True, impl="tiles")
    assert torch.equal(shared.lse, softmax.lse) and not shared._engine._kept
    assert torch.equal(kept, again) and torch.equal(kept, shared.message(weight))
    lse, to_q, to_k = literal(z, z, 5.0, exclude, torch.cat([pairs, pairs.flip(0)], 1), weight)
    check((softmax.lse, kept), (lse, to_q + to_k), 1e-11)


def test_lent_memory_goes_from_one_to_the_next(monkeypatch):
    monkeypatch.setattr(tiles, "MEMORY", Workspace(2**26))
    monkeypatch.setattr(tiles, "kept_entries", lambda x: 0)
    x, y = (data(n, 1, dtype=torch.float32)[0] for n in (3000, 1300))
    options = {"scale": 5.0, "symmetric": True, "impl": "tiles"}
    first, second = PairSoftmax(x, x, **options), PairSoftmax(y, y, **options)
    assert first._engine._kept and not second._engine._kept  # it computes twice what it has no memory for
    messages = first.message(torch.ones(3000)), second.message(torch.ones(1300))
    del first, second
    for z, message in zip((x, y, x), (*messages, messages[0])):
        later = PairSoftmax(z, z, **options)
        assert later._engine._kept
        assert torch.equal(later.message(torch.ones(z.size(0))), message)
        del later


@pytest.mark.parametrize("impl", ["auto", "tiles", "dense"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_excluded_pairs(symmetric, impl):
    n = 1100
    z, k = data(n, n)
    k = z if symmetric else k
    exclude = (torch.arange(n) % 550,) * 2
    pairs = torch.randint(0, n, (2, 3000), generator=torch.Generator().manual_seed(2))
    weight = torch.rand(n, dtype=torch.float64)
    softmax = PairSoftmax(z, k, scale=5.0, exclude=exclude, exclude_pairs=pairs, symmetric=symmetric, impl=impl)
    both = torch.cat([pairs, pairs.flip(0)], 1) if symmetric else pairs
    lse, to_q, to_k = literal(z, k, 5.0, exclude, both, weight)
    messages = (softmax.message(weight),) if symmetric else softmax.messages(weight)
    check((softmax.lse, *messages), (lse, to_q + to_k) if symmetric else (lse, to_q, to_k), 1e-11)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(0, 40),
    m=st.integers(0, 40),
    d=st.integers(1, 9),
    count=st.integers(1, 12),
    scale=st.floats(0.1, 200),
    impl=st.sampled_from(IMPLS),
    seed=st.integers(0, 1000),
)
def test_any_size(n, m, d, count, scale, impl, seed):
    if impl == "flash" and 0 in (n, m):
        impl = "tiles"
    q, k = data(n, m, d, seed=seed)
    exclude, weight = groups(n, m, count, seed), torch.rand(n, dtype=torch.float64)
    softmax = PairSoftmax(q, k, scale=scale, exclude=exclude, impl=impl)
    check((softmax.lse, *softmax.messages(weight)), literal(q, k, scale, exclude, weight=weight), 1e-10)


@pytest.mark.parametrize("impl", [*IMPLS, "dense"])
def test_gradcheck(impl):
    q, k = (x.requires_grad_() for x in data(9, 7, 3))
    exclude = groups(9, 7, 4)
    assert torch.autograd.gradcheck(lambda q, k: pair_logsumexp(q, k, scale=3.0, exclude=exclude, impl=impl), (q, k))
    exclude = (exclude[0],) * 2
    assert torch.autograd.gradcheck(lambda q: pair_logsumexp(q, scale=3.0, exclude=exclude, impl=impl), q)


@pytest.mark.parametrize("impl", IMPLS)
def test_low_rank_log_weights(impl):
    q, k = data(30, 20)
    a, b = torch.randn(30, 3, dtype=torch.float64), torch.randn(20, 3, dtype=torch.float64)
    lse = pair_logsumexp(*append_log_weight(q, k, (a, b), scale=4.0), scale=4.0, impl=impl)
    torch.testing.assert_close(lse, torch.logsumexp(4 * q @ k.t() + a @ b.t(), 1))


def test_low_rank_log_weights_are_differentiable():
    q, k = data(5, 4, 3)
    a, b = (torch.randn(n, 2, dtype=torch.float64, requires_grad=True) for n in (5, 4))
    assert torch.autograd.gradcheck(
        lambda a, b: pair_logsumexp(*append_log_weight(q, k, (a, b), 2.0), scale=2.0), (a, b)
    )


def test_community_weight_equals_dense():
    """Negatives of the same community weigh rho: exactly the dense loss with a weight matrix."""
    z, _ = data(50, 1)
    community = torch.nn.functional.one_hot(torch.arange(50) % 4).double()
    rho = 0.3
    q, k = append_log_weight(z, z, (community * torch.tensor(rho).double().log(), community), scale=2.0)
    lse = PairSoftmax(q, k, scale=2.0, exclude=(torch.arange(50),) * 2, symmetric=True).lse
    weight = torch.where(community @ community.t() > 0, rho, 1.0).fill_diagonal_(0)
    torch.testing.assert_close(lse, (weight * (2 * z @ z.t()).exp()).sum(1).log(), rtol=1e-12, atol=0)


def test_half_inputs_compute_in_float32():
    q, k = data(20, 30, dtype=torch.float16)
    softmax = PairSoftmax(q, k, scale=10.0)
    assert softmax.lse.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        same = PairSoftmax(q.float(), k.float(), scale=10.0)
    assert torch.equal(softmax.lse, same.lse) or torch.allclose(softmax.lse, same.lse, rtol=1e-6)


def test_flash_is_available_on_cpu():
    assert flash.available("cpu", torch.float32) and flash.available("cpu", torch.float64)


def test_auto_falls_back_when_the_kernel_is_missing(monkeypatch):
    def missing(*args):
        raise AttributeError("no such operator")

    monkeypatch.setattr(flash, "attention", missing)
    flash.available.cache_clear()
    try:
        q, k = data(600, 700)
        weight = torch.rand(600, dtype=torch.float64)
        with pytest.warns(UserWarning, match="tiles take its place"):
            softmax = PairSoftmax(q, k, scale=5.0)
        check((softmax.lse, *softmax.messages(weight)), literal(q, k, 5.0, weight=weight), 1e-11)
        with pytest.raises(RuntimeError, match="use impl='auto'"):
            PairSoftmax(q, k, impl="flash")
    finally:
        flash.available.cache_clear()


def test_auto_falls_back_when_the_kernel_is_wrong(monkeypatch):
    attention = flash.attention
    monkeypatch.setattr(flash, "attention", lambda q, k, v: (attention(q, k, v)[0], attention(q, k, v)[1] + 0.1))
    flash.available.cache_clear()
    try:
        assert not flash.available("cpu", torch.float32)
    finally:
        flash.available.cache_clear()


@needs_cuda
@pytest.mark.parametrize("n", [1300, 9000])
@pytest.mark.parametrize("impl", ["auto", "flash", "tiles", "dense"])
def test_cuda(impl, n):
    q, k = data(n, 900, dtype=torch.float32)
    exclude, weight = groups(n, 900, 200), torch.rand(n)
    softmax = PairSoftmax(q.cuda(), k.cuda(), scale=10.0, exclude=tuple(g.cuda() for g in exclude), impl=impl)
    actual = (softmax.lse, *softmax.messages(weight.cuda()))
    check([x.cpu() for x in actual], literal(q, k, 10.0, exclude, weight=weight), 2e-4)


@needs_cuda
@pytest.mark.parametrize("n", [900, 9000])
def test_symmetric_on_cuda(n):
    q = data(n, n, dtype=torch.float32)[0].mul_(0.5).cuda()
    group, weight = (torch.arange(n) % (n // 2)).cuda(), torch.rand(n).cuda()
    softmax = PairSoftmax(q, q, scale=5.0, exclude=(group, group), symmetric=True)
    expected = PairSoftmax(q.double(), q.double(), scale=5.0, exclude=(group, group), impl="dense")
    torch.testing.assert_close(softmax.lse.double(), expected.lse, rtol=1e-5, atol=1e-5)
    to_q, to_k = expected.messages(weight.double())
    torch.testing.assert_close(softmax.message(weight).double(), to_q + to_k, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"q": torch.zeros(3)}, r"'q' must be a floating point tensor of shape \[n, d\] \(got tensor of shape \[3\]"),
        ({"k": torch.zeros(3, 5)}, r"'k' must have shape \[n, 4\]"),
        ({"impl": "fast"}, "'impl' must be one of 'auto', 'flash'"),
        ({"scale": -1.0}, "'scale' must be a positive number"),
        (
            {"exclude": (torch.zeros(2).long(), torch.zeros(3).long())},
            r"'exclude\[0\]' must be an integer tensor of shape \[3\]",
        ),
        ({"exclude_pairs": torch.tensor([[0], [9]])}, "'exclude_pairs' must index 3 queries and 3 keys"),
        ({"exclude_pairs": torch.tensor([[0], [1]]), "impl": "flash"}, "cannot exclude single pairs"),
        ({"symmetric": True, "k": torch.zeros(2, 4)}, "'symmetric' needs as many keys as queries"),
    ],
)
def test_wrong_arguments(arguments, message):
    arguments = {"q": torch.zeros(3, 4), "k": torch.zeros(3, 4)} | arguments
    with pytest.raises(ValueError, match=message):
        PairSoftmax(arguments.pop("q"), arguments.pop("k"), **arguments)


def test_messages_belong_to_their_form():
    z = torch.randn(4, 3)
    with pytest.raises(ValueError, match="'messages' needs two sides"):
        PairSoftmax(z, z, symmetric=True).messages(torch.ones(4))
    with pytest.raises(ValueError, match="'message' needs symmetric=True"):
        PairSoftmax(z, z).message(torch.ones(4))
    with pytest.raises(ValueError, match=r"'weight' must have shape \[4\]"):
        PairSoftmax(z, z).messages(torch.ones(5))


def test_changed_inputs_are_noticed():
    q, k = (x.requires_grad_() for x in data(5, 4))
    changed = k * 1
    total = pair_logsumexp(q, changed).sum()
    with torch.no_grad():
        changed.mul_(0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_second_derivatives_are_refused():
    q, k = (x.requires_grad_() for x in data(5, 4))
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(pair_logsumexp(q, k).sum(), q, create_graph=True)


def test_nothing_at_all():
    empty = torch.empty(0, 4)
    assert pair_logsumexp(empty).shape == (0,)
    assert PairSoftmax(empty, empty, symmetric=True).message(torch.empty(0)).shape == (0, 4)


def test_large_weights_of_queries_without_keys():
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    options = {"exclude": (torch.tensor([0, 0, 0]),) * 2, "symmetric": True}
    messages = [PairSoftmax(z, z, impl=impl, **options).message(torch.full((3,), 10.0)) for impl in ("tiles", "dense")]
    torch.testing.assert_close(*messages)
