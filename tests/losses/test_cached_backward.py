import copy
import warnings

import chunk_cases
import pytest
import torch
from chunk_cases import LOSS, PARTS, cached, encoder, images, one_pass, outcome
from devices import needs_cuda
from torch import nn

from gnnclr.losses import CLIPLoss, cached_backward


def mean(*z):
    return sum(x.float().square().mean() for x in z)


@pytest.mark.filterwarnings("ignore:batch normalization sees")
@pytest.mark.parametrize("chunk_size", [1, 4, 5, 10, 30])
@pytest.mark.parametrize("name", PARTS)
def test_a_step_is_that_of_one_pass_over_the_chunks(name, chunk_size):
    for found, wanted in zip(
        outcome(cached, encoder(name), images(10), chunk_size),
        outcome(one_pass, encoder(name), images(10), chunk_size),
        strict=True,
    ):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("chunk_size", [1, 4])
def test_without_batch_normalization_it_is_that_of_one_pass_over_all(chunk_size):
    found = outcome(cached, encoder("group norm"), images(10), chunk_size)
    wanted = outcome(one_pass, encoder("group norm"), images(10), 10)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_statistics_are_updated_once_for_each_chunk():
    module = encoder("cumulative batch norm and dropout")
    with pytest.warns(UserWarning, match=r"batch normalization sees chunks of 4 rows \(ghost batches\)"):
        cached(module, images(10), 4)
    norm = module[1]
    assert int(norm.num_batches_tracked) == 6
    with torch.no_grad():
        means = [module[0](part).mean(dim=(0, 2, 3)) for view in images(10) for part in view.split(4)]
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(dim=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached(module, images(10), 4)


def test_gradients_are_added_and_the_loss_is_detached():
    module = encoder("group norm")
    loss = cached(module, images(10), 4)
    once = [p.grad.clone() for p in module.parameters()]
    assert loss.dim() == 0 and not loss.requires_grad
    cached(module, images(10), 4)
    for p, grad in zip(module.parameters(), once, strict=True):
        torch.testing.assert_close(p.grad, 2 * grad)


def test_only_one_chunk_is_encoded_with_gradients():
    module, seen = encoder("group norm"), []
    module.register_forward_pre_hook(lambda module, args: seen.append((len(args[0]), torch.is_grad_enabled())))
    cached_backward(module, images(10)[0], mean, 4)
    assert seen == [(4, False), (4, False), (2, False), (2, True), (4, True), (4, True)]


@pytest.mark.parametrize("chunk_size", [4, 64])
def test_autocast(chunk_size):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 8))
    x, dtypes = torch.randn(64, 32), []

    def loss(z):
        dtypes.append(z.dtype)
        return mean(z)

    def step(form):
        own = copy.deepcopy(module)
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            form(own)
        return [p.grad for p in own.parameters()]

    found = step(lambda own: cached_backward(own, x, loss, chunk_size))
    wanted = step(lambda own: loss(torch.cat([own(part) for part in x.split(chunk_size)])).backward())
    assert dtypes == [torch.bfloat16] * 2
    assert all(map(torch.equal, found, wanted))


def test_a_scaled_loss():
    module, scaler = encoder("group norm"), torch.amp.GradScaler("cpu", init_scale=64.0)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    wanted = outcome(one_pass, encoder("group norm"), images(10), 4)
    loss = cached_backward(module, images(10), LOSS, 4, scale=scaler.scale)
    torch.testing.assert_close(loss, wanted[0])
    scaler.unscale_(optimizer)
    for p, grad in zip(module.parameters(), wanted[1:], strict=False):
        torch.testing.assert_close(p.grad, grad)


def test_an_encoder_for_each_input_and_a_loss_that_learns():
    def towers():
        torch.manual_seed(0)
        return nn.Linear(6, 4), nn.Linear(3, 4), CLIPLoss()

    torch.manual_seed(1)
    x, y = torch.randn(9, 6), torch.randn(9, 3)
    parts, wanted = towers(), towers()
    cached_backward(parts[:2], (x, y), parts[2], 4)
    wanted[2](wanted[0](x), wanted[1](y)).backward()
    for part, other in zip(parts, wanted, strict=True):
        for p, q in zip(part.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)


def test_what_gets_no_gradient_is_encoded_once():
    learned, frozen, seen = nn.Linear(3, 4), nn.Linear(3, 4).requires_grad_(False), []
    for module in (learned, frozen):
        module.register_forward_pre_hook(lambda module, args: seen.append(module))
    x = torch.randn(6, 3)
    cached_backward((learned, frozen), (x, x), LOSS, 3)
    assert seen == [learned, learned, frozen, frozen, learned, learned] and frozen.weight.grad is None
    seen.clear()
    cached_backward(learned, (x, x), lambda z0, z1: LOSS(z0, z1.detach()), 3)
    assert len(seen) == 4 + 2


def test_arguments_of_the_encoder():
    class Sum(nn.Linear):
        def forward(self, a, b):
            return super().forward(a + b)

    torch.manual_seed(0)
    module, a, b = Sum(3, 2), torch.randn(7, 3), torch.randn(7, 3)
    values = [cached_backward(module, x, mean, 2) for x in ({"a": a, "b": b}, [(a, b)])]
    torch.testing.assert_close(values, [mean(module(a, b)).detach()] * 2)


@pytest.mark.parametrize("bad", [0, -1, True, 2.5, "4", None])
def test_bad_sizes(bad):
    with pytest.raises(ValueError, match="'chunk_size' must be a positive integer"):
        cached_backward(nn.Linear(2, 2), torch.ones(4, 2), mean, bad)


def test_bad_input():
    module, x = nn.Linear(2, 2), torch.ones(4, 2)
    with pytest.raises(ValueError, match=r"'inputs' must have the same number of rows each \(got 4, 3\)"):
        cached_backward(module, (x, x[:3]), mean, 2)
    with pytest.raises(ValueError, match=r"'inputs\[0\]' must have the same number of rows each \(got 4, 3\)"):
        cached_backward(module, {"a": x, "b": x[:3]}, mean, 2)
    with pytest.raises(ValueError, match=r"'inputs\[1\]' must be tensors with rows.*\(got str 'text'\)"):
        cached_backward(module, (x, "text"), mean, 2)
    with pytest.raises(ValueError, match=r"'inputs' must have the same number of rows each \(got none\)"):
        cached_backward(module, (), mean, 2)
    with pytest.raises(ValueError, match=r"'loss' must give a scalar \(got tensor of shape \[4, 2\]"):
        cached_backward(module, x, lambda z: z, 2)
    with pytest.raises(ValueError, match=r"'loss' must give a scalar \(got float 1.0\)"):
        cached_backward(module, x, lambda z: 1.0, 2)
    with pytest.raises(ValueError, match=r"'encoder' must give a row for each of the 2 of its input \(got tensor of s"):
        cached_backward(nn.Sequential(module, nn.Flatten(0)), x, mean, 2)
    with pytest.raises(ValueError, match=r"'encoder' must be one, or one for each of the 2 inputs \(got 3\)"):
        cached_backward([module] * 3, (x, x), mean, 2)
    with pytest.raises(ValueError, match=r"'encoder' must be a torch.nn.Module \(got function"):
        cached_backward(lambda x: module(x), x, mean, 2)
    assert module.weight.grad is None


@pytest.mark.filterwarnings("ignore:batch normalization sees")
@pytest.mark.parametrize("name", ["group norm", "batch norm"])
def test_two_processes_exchange_gradients_once(gloo, name):
    batches = [[view[:6] for view in images(10)], [view[6:] for view in images(10)]]
    results = gloo(chunk_cases.of_a_process, "cached", name, batches, 3)
    wanted = outcome(one_pass, encoder(name), images(10), 10)[1:]
    assert [exchanges for _, exchanges, _ in results] == [2, 2]  # of two steps
    for (gradients, _, _), (others, _, _) in [results]:
        assert all(map(torch.equal, gradients, others))
    for found, expected in zip(results[0][0], wanted, strict=False):
        assert found.isfinite().all()
        if name == "group norm":
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@needs_cuda
@pytest.mark.parametrize("name", PARTS)
def test_random_numbers_of_a_device(name):
    views = [view.cuda() for view in images(10)]
    found, wanted = (outcome(form, encoder(name).cuda(), views, 4) for form in (cached, one_pass))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)
