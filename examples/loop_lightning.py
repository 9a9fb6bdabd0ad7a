"""A loss of gnnclr in a Lightning module: bfloat16, two processes, and the negatives of both.

python examples/loop_lightning.py
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader

from gnnclr.losses import NTXentLoss
from gnnclr.vision import RandomAffine, Views, digits


class Contrast(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.views = Views([RandomAffine(degrees=15, translate=(0.2, 0.2), scale=(0.8, 1.2))])
        self.encoder = nn.Sequential(nn.Conv2d(1, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(64, 64)
        self.loss = NTXentLoss(temperature=0.2, gather_distributed=True)  # a batch is that of all processes

    def training_step(self, images, index):
        z0, z1 = (self.head(self.encoder(view)) for view in self.views(images))
        loss = self.loss(z0, z1)
        self.log("loss", loss, on_epoch=True, sync_dist=True)
        return loss

    def on_train_epoch_end(self):
        self.print(f"epoch {self.current_epoch}: loss {self.trainer.callback_metrics['loss_epoch']:.3f}")

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


if __name__ == "__main__":
    loader = DataLoader(digits().train.images, batch_size=128, shuffle=True, drop_last=True)
    options = {"max_epochs": 5, "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    L.Trainer(accelerator="cpu", devices=2, strategy="ddp", precision="bf16-mixed", **options).fit(Contrast(), loader)
