"""A loss of gnnclr in a loop of Hugging Face's accelerate.

accelerate launch examples/loop_accelerate.py    # or python, or torchrun --nproc_per_node 2
"""

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from gnnclr.losses import NTXentLoss
from gnnclr.vision import RandomAffine, Views, digits

torch.manual_seed(0)
accelerator = Accelerator()
loader = DataLoader(digits().train.images, batch_size=128, shuffle=True, drop_last=True)
views = Views([RandomAffine(degrees=15, translate=(0.2, 0.2), scale=(0.8, 1.2))])
encoder = nn.Sequential(nn.Conv2d(1, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Flatten())
model = nn.Sequential(encoder, nn.Linear(64, 64))
loss_fn = NTXentLoss(temperature=0.2, gather_distributed=True)  # a batch is that of all processes
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)

for epoch in range(5):
    total = 0.0
    for images in loader:
        z0, z1 = (model(view) for view in views(images))
        loss = loss_fn(z0, z1)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        total += accelerator.reduce(loss.detach(), "mean").item()
    accelerator.print(f"epoch {epoch}: loss {total / len(loader):.3f} on {accelerator.num_processes} process(es)")
accelerator.end_training()
