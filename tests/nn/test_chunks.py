import copy
import warnings

import chunk_cases
import pytest
import torch
from chunk_cases import PARTS, checkpointed, encoder, images, one_pass, outcome
from torch import nn

from gnnclr.nn import in_chunks


@pytest.mark.filterwarnings("ignore:batch normalization sees")
@pytest.mark.parametrize("chunk_size", [1, 4, 5, 10, 30])
@pytest.mark.parametrize("name", PARTS)
def test_a_step_is_that_of_one_pass_over_the_chunks(name, chunk_size):
    for found, wanted in zip(
        outcome(checkpointed, encoder(name), images(10), chunk_size),
        outcome(one_pass, encoder(name), images(10), chunk_size),
        strict=True,
    ):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("chunk_size", [1, 4])
def test_without_batch_normalization_it_is_that_of_one_pass_over_all(chunk_size):
    found, wanted = (outcome(checkpointed, encoder("group norm"), images(10), size) for size in (chunk_size, None))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_statistics_are_updated_once_for_each_chunk():
    module = encoder("cumulative batch norm and dropout")
    with pytest.warns(UserWarning, match=r"batch normalization sees chunks of 4 rows \(ghost batches\)"):
        checkpointed(module, images(10), 4)
    norm = module[1]
    assert int(norm.num_batches_tracked) == 6  # three chunks of each view
    with torch.no_grad():
        means = [module[0](part).mean(dim=(0, 2, 3)) for view in images(10) for part in view.split(4)]
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(dim=0))


def test_the_warning_comes_once_and_only_for_ghost_batches():
    module = encoder("batch norm")
    with pytest.warns(UserWarning, match="ghost batches"):
        in_chunks(module, images(10)[0], 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_chunks(module, images(10)[0], 4)
        in_chunks(encoder("batch norm"), images(10)[0], 10)
        in_chunks(encoder("batch norm").eval(), images(10)[0], 4)
        in_chunks(encoder("group norm"), images(10)[0], 4)


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_activations_of_chunks_are_not_kept(chunk_size):
    module, x, kept = encoder("group norm"), images(30)[0], {}
    own = {p.untyped_storage().data_ptr() for p in [*module.parameters(), x]}

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        in_chunks(module, x, chunk_size)
    assert bool(kept) == (chunk_size is None)


def test_each_chunk_is_encoded_twice_and_once_without_gradients():
    module, seen = encoder("group norm"), []
    module.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    in_chunks(module, images(10)[0], 4).sum().backward()
    assert seen == [4, 4, 2, 2, 4, 4]
    seen.clear()
    with torch.no_grad():
        in_chunks(module, images(10)[0], 4)
    assert seen == [4, 4, 2]


def test_autocast_adds_up_gradients_of_chunks_in_full_precision():
    torch.manual_seed(0)
    module, x = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 8)), torch.randn(512, 32)

    def gradient(chunk_size, enabled=True):
        own = copy.deepcopy(module)
        with torch.autocast("cpu", torch.bfloat16, enabled):
            z = in_chunks(own, x, chunk_size)
        assert z.dtype == (torch.bfloat16 if enabled else torch.float32)
        z.float().square().mean().backward()
        return torch.cat([p.grad.flatten() for p in own.parameters()])

    exact = gradient(None, False)
    chunked, whole = ((gradient(size) - exact).norm() / exact.norm() for size in (4, None))
    assert chunked < 1.3 * whole


def test_tuples_and_dictionaries_of_tensors():
    class Sum(nn.Linear):
        def forward(self, x):
            return super().forward(x["a"] + x["b"][0])

    torch.manual_seed(0)
    module, x = Sum(3, 2), {"a": torch.randn(7, 3), "b": (torch.randn(7, 3),)}
    torch.testing.assert_close(in_chunks(module, x, 2), module(x))


@pytest.mark.parametrize("bad", [0, -1, True, 2.5, "4", float("nan")])
def test_bad_sizes(bad):
    with pytest.raises(ValueError, match="'chunk_size' must be a positive integer"):
        in_chunks(nn.Identity(), torch.ones(4, 2), bad)


def test_bad_rows():
    x = torch.ones(4, 2)
    with pytest.raises(ValueError, match=r"'x' must have the same number of rows each \(got 4, 3\)"):
        in_chunks(nn.Identity(), (x, x[:3]), 2)
    with pytest.raises(ValueError, match="'x' must be tensors with rows"):
        in_chunks(nn.Identity(), {"a": x, "b": "text"}, 2)
    with pytest.raises(ValueError, match=r"'module' must give a row for each of the 2 of its input \(got tensor of sh"):
        in_chunks(nn.Flatten(0), x, 2)


def test_no_rows_at_all():
    assert in_chunks(nn.Linear(2, 3), torch.ones(0, 2), 2).shape == (0, 3)


def test_two_processes_exchange_gradients_once(gloo):
    batches = [[view[:6] for view in images(10)], [view[6:] for view in images(10)]]
    results = gloo(chunk_cases.of_a_process, "checkpointed", "group norm", batches, 3)
    wanted = outcome(one_pass, encoder("group norm"), images(10), 10)[1:-1]
    for gradients, exchanges, _ in results:
        assert exchanges == 2  # of two steps
        for found, expected in zip(gradients, wanted, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
