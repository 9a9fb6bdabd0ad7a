import gc
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from torch._subclasses import FakeTensorMode

from gnnclr.losses import NTXentLoss
from gnnclr.ops import PairSoftmax, pair_logsumexp, tiles
from gnnclr.ops.workspace import Workspace

FLOAT = torch.empty(0)


@pytest.fixture
def memory(monkeypatch):
    memory = Workspace(2**26)
    monkeypatch.setattr(tiles, "MEMORY", memory)
    return memory


def free(memory):
    return memory.lend(FLOAT, 10) is not None


def test_one_at_a_time():
    memory = Workspace(1024)
    first = memory.lend(FLOAT, 10)
    assert first.memory.shape == (10,) and first.memory.dtype == torch.float32
    assert memory.lend(FLOAT, 10) is None
    place = first.memory.data_ptr()
    del first
    assert memory.lend(FLOAT, 10).memory.data_ptr() == place


def test_it_grows_and_is_used_again_by_other_types():
    memory, places = Workspace(1024), []
    for entries, dtype in ((10, torch.float32), (100, torch.float64), (0, torch.float32), (200, torch.float32)):
        loan = memory.lend(torch.empty(0, dtype=dtype), entries)
        assert loan.memory.shape == (entries,) and loan.memory.dtype == dtype
        places.append(loan.memory.data_ptr())
        del loan
    assert places[1] == places[3]


def test_neither_too_much_nor_elsewhere():
    memory = Workspace(1024)
    assert memory.lend(FLOAT, 257) is None
    assert memory.lend(torch.empty(0, device="meta"), 1) is None
    with FakeTensorMode():
        assert memory.lend(torch.empty(0), 1) is None
    assert memory.lend(FLOAT, 256) is not None


def test_it_comes_back_after_an_error(monkeypatch):
    memory = Workspace(1024)

    def fail(*args, **kwargs):
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(torch, "empty", fail)
        memory.lend(FLOAT, 10)
    gc.collect()
    assert free(memory)


def test_memory_of_inference_serves_training(memory):
    with torch.inference_mode():
        memory.lend(torch.empty(0), 10).memory.fill_(1)
    memory.lend(FLOAT, 10).memory.add_(1)
    loss, z = NTXentLoss(), torch.randn(2, 700, 8)
    with torch.inference_mode():
        value = loss(*z)
    z.requires_grad_()
    again = loss(*z)
    again.backward()
    assert torch.equal(value, again.detach()) and z.grad.isfinite().all()


def test_another_default_device(memory):
    z = torch.randn(2, 700, 8)
    expected = NTXentLoss()(*z)
    memory._free[0][0] = torch.empty(0, dtype=torch.uint8)
    with torch.device("meta"):
        assert memory.lend(FLOAT, 10).memory.device.type == "cpu"
        assert Workspace(1024).lend(FLOAT, 10).memory.device.type == "cpu"
    assert torch.equal(NTXentLoss()(*z), expected)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("loss", [NTXentLoss(0.5), lambda x, y: pair_logsumexp(x, scale=2.0).mean()])
def test_it_is_free_when_a_loss_is_gone(memory, loss, backward):
    z = torch.randn(2, 1200, 8, requires_grad=True)
    gc.disable()
    try:
        value = loss(*z)
        if backward:
            value.backward()
        del value
        assert free(memory)
    finally:
        gc.enable()


def test_it_is_free_after_the_first_message(memory):
    x, weight = torch.randn(1200, 8), torch.ones(1200)
    softmax = PairSoftmax(x, x, symmetric=True, impl="tiles")
    assert not free(memory)
    first = softmax.message(weight)
    assert free(memory)
    loan = memory.lend(FLOAT, 10)
    loan.memory.fill_(float("nan"))
    assert torch.equal(softmax.message(weight), first)


def test_losses_of_several_threads():
    z = [torch.randn(2, 600 + 100 * i, 8, generator=torch.Generator().manual_seed(i)) for i in range(4)]

    def gradient(x):
        x = x.clone().requires_grad_()
        NTXentLoss(0.5)(*x).backward()
        return x.grad

    expected = [gradient(x) for x in z]
    for gradients in at_once([partial(gradient, x) for x in z], times=5):
        for got, value in zip(gradients, expected, strict=True):
            torch.testing.assert_close(got, value, rtol=1e-4, atol=1e-6)


def test_messages_of_one_softmax_in_several_threads():
    x, weight = torch.randn(2200, 8), torch.rand(2200)
    expected = PairSoftmax(x, x, symmetric=True, impl="tiles").message(weight)
    for _ in range(5):
        softmax = PairSoftmax(x, x, symmetric=True, impl="tiles")
        (messages,) = at_once([partial(softmax.message, weight)] * 3)
        assert len(messages) == 3
        for message in messages:
            torch.testing.assert_close(message, expected, rtol=1e-4, atol=1e-6)


def at_once(functions, times=1):
    """Values of functions, each in a thread of its own: a list for each time. What a thread raises is raised."""
    with ThreadPoolExecutor(len(functions)) as pool:
        return list(zip(*pool.map(lambda f: [f() for _ in range(times)], functions), strict=True))


def test_a_compiled_loss_leaves_a_plain_tensor(memory):
    z = torch.randn(2, 600, 8, requires_grad=True)
    loss = NTXentLoss(0.5)
    compiled = torch.compile(loss, backend="aot_eager")
    for _ in range(2):
        value = compiled(*z)
        value.backward()
        torch.testing.assert_close(value, loss(*z))
    gc.collect()
    assert type(memory.lend(FLOAT, 2000000).memory) is torch.Tensor
