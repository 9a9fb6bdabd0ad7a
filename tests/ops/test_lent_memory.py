import gc
import threading

import pytest
import torch

from gnnclr.losses import NTXentLoss
from gnnclr.ops.lent_memory import LentMemory


class User:
    pass


def test_one_user_at_a_time():
    memory, first, second = LentMemory(1024), User(), User()
    x = memory.lend(first, torch.empty(0), 10)
    assert x.shape == (10,) and x.dtype == torch.float32
    assert memory.lend(second, torch.empty(0), 10) is None
    del first
    assert memory.lend(second, torch.empty(0), 10).data_ptr() == x.data_ptr()


def test_it_grows_and_is_used_again_by_other_types():
    memory, pointers = LentMemory(1024), []
    for entries, dtype in ((10, torch.float32), (100, torch.float64), (0, torch.float32), (200, torch.float32)):
        user = User()
        x = memory.lend(user, torch.empty(0, dtype=dtype), entries)
        assert x.shape == (entries,) and x.dtype == dtype
        pointers.append(x.data_ptr())
        del user, x
    assert pointers[1] == pointers[3]


def test_neither_too_much_nor_elsewhere():
    memory, user = LentMemory(1024), User()
    assert memory.lend(user, torch.empty(0), 257) is None
    assert memory.lend(user, torch.empty(0, device="meta"), 1) is None
    assert memory.lend(user, torch.empty(0), 256) is not None


def test_it_comes_back_after_an_error(monkeypatch):
    memory = LentMemory(1024)

    def fail(*args, **kwargs):
        raise MemoryError

    like = torch.empty(0)

    def use():
        user = User()
        return memory.lend(user, like, 10)

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(torch, "empty", fail)
        use()
    gc.collect()
    assert use() is not None


def test_memory_of_inference_serves_training():
    memory, user = LentMemory(1024), User()
    with torch.inference_mode():
        memory.lend(user, torch.empty(0), 10).fill_(1)
    del user
    memory.lend(User(), torch.empty(0), 10).add_(1)
    loss, z = NTXentLoss(), torch.randn(2, 700, 8)
    with torch.inference_mode():
        value = loss(*z)
    z.requires_grad_()
    again = loss(*z)
    again.backward()
    assert torch.equal(value, again.detach()) and z.grad.isfinite().all()


def test_losses_of_several_threads():
    z = [torch.randn(2, 600 + 100 * i, 8, generator=torch.Generator().manual_seed(i)) for i in range(4)]

    def gradient(x):
        x = x.clone().requires_grad_()
        NTXentLoss(0.5)(*x).backward()
        return x.grad

    expected, got = [gradient(x) for x in z], [[] for _ in z]

    def work(i):
        for _ in range(5):
            got[i].append(gradient(z[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(g) == 5 and all(torch.allclose(x, e, atol=1e-6) for x in g) for g, e in zip(got, expected))


def test_a_compiled_loss_leaves_memory_usable():
    z = torch.randn(2, 600, 8, requires_grad=True)
    loss = NTXentLoss(0.5)
    value = torch.compile(loss, backend="eager")(*z)
    value.backward()
    torch.testing.assert_close(value, loss(*z))
