"""How methods for graphs are trained."""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric import seed_everything
from torch_geometric.data import Data
from tqdm import tqdm

from benchmarks.common.memory import watch_peak

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass(frozen=True)
class Run:
    """What a training run gives.

    Args:
        z (Tensor): Embeddings of the last epoch [n, d], on the CPU.
        seconds (float): From the building of the method to its embeddings.
        epoch_seconds (float): Median of the epochs.
        peak_mb (float, optional): Peak memory over the data and libraries that were there before.
    """

    z: Tensor
    seconds: float
    epoch_seconds: float
    peak_mb: float | None


def train(
    build: Callable[[Data, Mapping[str, Any]], nn.Module],
    data: Data,
    settings: Mapping[str, Any],
    seed: int,
    note: str = "",
) -> Run:
    """Builds a method, trains it on a graph and embeds the nodes. Everything random depends on the seed alone."""
    device = data.edge_index.device
    peak = watch_peak(device)
    start = time.perf_counter()
    seed_everything(seed)
    method = build(data, settings).to(device)
    seconds = fit(method, [data], settings, note)
    z = method.embed(data).detach().float().cpu()
    return Run(z, time.perf_counter() - start, statistics.median(seconds) if seconds else 0.0, peak())


def fit(
    method: nn.Module,
    batches: Iterable[Data],
    settings: Mapping[str, Any],
    note: str = "",
    after: Callable[[int], None] | None = None,
) -> list[float]:
    """Trains in place and returns the seconds of each epoch.

    Before an epoch ``method.start_epoch(epoch)`` is called, and after each step ``method.after_optimizer_step()``, if
    there are such.

    Args:
        method (torch.nn.Module): What is trained.
        batches (iterable of Data): The steps of an epoch, gone through once an epoch.
        settings (mapping): ``epochs``, ``lr``, ``weight_decay``; ``optimizer``, ``"adam"`` unless it is ``"adamw"``;
            ``warmup``, the epochs of a linear warm-up before a cosine, without which the learning rate is constant.
        note (str, optional): What the bar of progress says.
        after (callable, optional): Called with the number of epochs that are done.

    Raises:
        FloatingPointError: If a loss is not finite.
    """
    parameters = [p for p in method.parameters() if p.requires_grad]
    kind = OPTIMIZERS[settings.get("optimizer", "adam")]
    optimizer = kind(parameters, lr=settings["lr"], weight_decay=settings["weight_decay"])
    schedule = _schedule(optimizer, settings["epochs"], settings.get("warmup"))
    before, after_step = getattr(method, "start_epoch", None), getattr(method, "after_optimizer_step", None)
    method.train()
    seconds = []
    for epoch in (bar := tqdm(range(settings["epochs"]), desc=note, leave=False, disable=None)):
        start = time.perf_counter()
        if before is not None:
            before(epoch)
        for data in batches:
            optimizer.zero_grad()
            loss = method.training_step_loss(data)
            loss = loss[0] if isinstance(loss, tuple) else loss
            loss.backward()
            optimizer.step()
            if after_step is not None:
                after_step()
            if schedule is not None:
                schedule.step()
            value = loss.item()  # waits for the device
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss of epoch {epoch} is {value}")
        seconds.append(time.perf_counter() - start)
        bar.set_postfix(loss=f"{value:.3f}")
        if after is not None:
            after(epoch + 1)
    return seconds


def _schedule(optimizer: torch.optim.Optimizer, epochs: int, warmup: int | None):
    if warmup is None:
        return None
    from gnnclr.train import warmup_cosine

    return warmup_cosine(optimizer, epochs, min(warmup, epochs))
