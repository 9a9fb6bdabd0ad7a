"""The training of benchmarks of images: that of a recipe, without checkpoints and logs."""

import statistics
import time

import torch
from torch import nn
from tqdm import tqdm

from gnnclr.train import parameter_groups, warmup_cosine


def train(module: nn.Module, data: nn.Module, seed: int, epochs: int, bf16: bool = True) -> dict[str, float]:
    """Trains as :class:`gnnclr.train.ContrastiveModule` does, in bfloat16 or float32, with a warm-up of a tenth; the
    data are set up. Returns seconds, and the mean loss of the first and of the last tenth of the steps."""
    method, loader, values = module.method.train(), data.batches(), []
    steps = epochs * len(loader)
    optimizer = module.optimizer(parameter_groups(method))
    schedule = warmup_cosine(optimizer, steps, steps // 10, module.final_lr)
    start = time.perf_counter()
    for epoch in (bar := tqdm(range(epochs), leave=False, disable=None)):
        data.start_epoch(method, epoch)
        getattr(method, "start_epoch", lambda epoch: None)(epoch)
        for i, batch in enumerate(loader):
            torch.manual_seed((seed * 1_000_003 + epoch) * 1_000_003 + i)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss, _ = method.training_step_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            getattr(method, "after_optimizer_step", lambda: None)()
            values.append(float(loss.detach()))
        bar.set_postfix(loss=f"{values[-1]:.3f}")
    seconds, tenth = time.perf_counter() - start, max(1, steps // 10)
    losses = {"first loss": statistics.fmean(values[:tenth]), "last loss": statistics.fmean(values[-tenth:])}
    return {"seconds": seconds} | losses
