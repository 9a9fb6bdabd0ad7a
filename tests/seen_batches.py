"""What batches a training saw, and a training on photos of two processes as a launcher starts them."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from lightning.pytorch import Callback

from gnnclr.train import ResumableInterrupt, Run, TrainingInterrupted, parse_recipe


class SeenBatches(Callback):
    """Writes a line for each batch: its epoch and number, the samples, and a hash of the crops of each and of the views
    that are made of them. After so many steps the last process is asked to stop, as by a signal."""

    def __init__(self, folder: str, steps: int):
        self.folder, self.steps, self.views = folder, steps, []

    def on_train_start(self, trainer, pl_module):
        pl_module.method.views.register_forward_hook(lambda part, images, views: setattr(self, "views", views))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        rows = zip(batch["image"], *self.views)
        crops = [[hashlib.md5(image.numpy().tobytes()).hexdigest() for image in row] for row in rows]
        line = [trainer.current_epoch, batch_idx, batch["index"].tolist(), crops]
        with Path(self.folder, f"{trainer.global_rank}-of-{trainer.world_size}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if trainer.global_step == self.steps and trainer.global_rank == trainer.world_size - 1:
            next(part for part in trainer.callbacks if isinstance(part, ResumableInterrupt)).request()


def seen(folder, processes):
    """The global batches that some processes saw, each as its epoch, its number, and its samples with their crops."""
    parts = [Path(folder, f"{rank}-of-{processes}.jsonl") for rank in range(processes)]
    shares = zip(*([json.loads(line) for line in part.read_text().splitlines()] for part in parts), strict=True)
    return [
        (share[0][0], share[0][1], [pair for _, _, index, crops in share for pair in zip(index, crops)])
        for share in shares
    ]


def train(root, folder, steps, workers, checkpoint=""):
    """Trains on the photos of ``root`` for three epochs, or up to a step, on as many processes as the environment
    says."""
    callback = {"class_path": "seen_batches.SeenBatches", "init_args": {"folder": str(folder), "steps": int(steps)}}
    options = [
        f"--data.root={root}",
        f"--data.workers={workers}",
        "--data.global_batch_size=6",
        "--data.size=8",
        f"--trainer.devices={os.environ.get('WORLD_SIZE', 1)}",
        "--trainer.accelerator=cpu",
        "--trainer.max_epochs=3",
        f"--trainer.callbacks={json.dumps([callback])}",
        "--model.method.views.size=8",
        "--model.method.encoder=deterministic.GroupNormNet",
        "--model.method.encoder.channels=3",
        "--model.method.projector=torch.nn.Linear",
        "--model.method.projector.in_features=8",
        "--model.method.projector.out_features=8",
    ]
    run = Run(parse_recipe("simclr-folder", options), Path(folder, "run"))
    with suppress(TrainingInterrupted):
        run.train(checkpoint or None)
    return run.checkpoint
