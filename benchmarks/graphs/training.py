"""One training run of one method."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric import seed_everything
from torch_geometric.data import Data
from tqdm import tqdm

from .memory import watch_peak

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
    """Builds a method, trains it on a graph and embeds the nodes. Everything random depends on the seed alone.

    Settings of all methods: ``epochs``, ``lr``, ``weight_decay``, ``optimizer`` (``"adam"`` or ``"adamw"``), and
    ``warmup``, the epochs of a linear warm-up before a cosine (``null`` keeps the learning rate constant). After each
    step ``method.after_optimizer_step()`` is called, if there is one.

    Raises:
        FloatingPointError: If a loss is not finite.
    """
    device = data.edge_index.device
    peak = watch_peak(device)
    start = time.perf_counter()
    seed_everything(seed)
    method = build(data, settings).to(device)
    parameters = [p for p in method.parameters() if p.requires_grad]
    optimizer = OPTIMIZERS[settings["optimizer"]](parameters, lr=settings["lr"], weight_decay=settings["weight_decay"])
    schedule = _schedule(optimizer, settings["epochs"], settings["warmup"])
    after = getattr(method, "after_optimizer_step", None)
    method.train()
    seconds = []
    for epoch in (bar := tqdm(range(settings["epochs"]), desc=note, leave=False, disable=None)):
        tick = time.perf_counter()
        optimizer.zero_grad()
        loss = method.training_step_loss(data)
        loss = loss[0] if isinstance(loss, tuple) else loss
        loss.backward()
        optimizer.step()
        if after is not None:
            after()
        if schedule is not None:
            schedule.step()
        value = loss.item()
        seconds.append(time.perf_counter() - tick)
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss of epoch {epoch} is {value}")
        bar.set_postfix(loss=f"{value:.3f}")
    z = method.embed(data).detach().float().cpu()
    return Run(z, time.perf_counter() - start, statistics.median(seconds) if seconds else 0.0, peak())


def _schedule(optimizer: torch.optim.Optimizer, epochs: int, warmup: int | None):
    if warmup is None:
        return None
    from gnnclr.train import warmup_cosine

    return warmup_cosine(optimizer, epochs, min(warmup, epochs))
