from types import SimpleNamespace

import torch

from gnnclr.train import StepSeed


def draw(seed, epoch, batch, rank=0):
    trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank)
    StepSeed(seed).on_train_batch_start(trainer, None, None, batch)
    return torch.rand(3)


def test_depends_on_the_step_alone():
    first = draw(0, 2, 5)
    torch.rand(17)
    assert torch.equal(draw(0, 2, 5), first)


def test_every_step_seed_and_rank_differs():
    draws = [draw(0, 0, 0), draw(0, 0, 1), draw(0, 1, 0), draw(1, 0, 0), draw(0, 0, 0, rank=1)]
    assert len({tuple(d.tolist()) for d in draws}) == len(draws)
