"""A plain loop that trains methods for graphs, for benchmarks of speed and of what no run of the package does."""

import math
import time
from collections.abc import Callable, Iterable

from torch_geometric.data import Data
from tqdm import tqdm

from gnnclr.train import ContrastiveModule, warmup_cosine


def fit(
    module: ContrastiveModule,
    batches: Iterable[Data],
    epochs: int,
    note: str = "",
    after: Callable[[int], None] | None = None,
) -> list[float]:
    """Trains in place and returns the seconds of each epoch.

    A plain loop, with one generator for all steps and weight decay on all parameters: what a run of the package adds
    would be timed too. Before an epoch ``method.start_epoch(epoch)`` is called, and after each step
    ``method.after_optimizer_step()``, if there are such.

    Args:
        module (ContrastiveModule): The method, its optimizer and its schedule.
        batches (iterable of Data): The steps of an epoch, gone through once an epoch; a schedule counts epochs.
        epochs (int): The number of epochs.
        note (str, optional): What the bar of progress says.
        after (callable, optional): Called with the number of epochs that are done.

    Raises:
        FloatingPointError: If a loss is not finite.
    """
    method = module.method
    optimizer = module.optimizer([p for p in method.parameters() if p.requires_grad])
    schedule = warmup_cosine(optimizer, max(1, epochs), min(module.warmup_steps, epochs), module.final_lr)
    before, after_step = getattr(method, "start_epoch", None), getattr(method, "after_optimizer_step", None)
    method.train()
    seconds = []
    for epoch in (bar := tqdm(range(epochs), desc=note, leave=False, disable=None)):
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
            value = loss.item()  # waits for the device
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss of epoch {epoch} is {value}")
        schedule.step()
        seconds.append(time.perf_counter() - start)
        bar.set_postfix(loss=f"{value:.3f}")
        if after is not None:
            after(epoch + 1)
    return seconds
