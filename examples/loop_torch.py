"""A loss of gnnclr in a loop of plain torch: SimCLR on handwritten digits.

python examples/loop_torch.py
"""

import torch
from torch import nn
from torch.utils.data import DataLoader

from gnnclr.losses import NTXentLoss
from gnnclr.vision import RandomAffine, Views, digits

torch.manual_seed(0)
loader = DataLoader(digits().train.images, batch_size=256, shuffle=True, drop_last=True)
views = Views([RandomAffine(degrees=15, translate=(0.2, 0.2), scale=(0.8, 1.2))])  # two of them, for a whole batch

encoder = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2), nn.ReLU(), nn.Flatten())
model = nn.Sequential(encoder, nn.Linear(576, 128), nn.ReLU(), nn.Linear(128, 64))
loss_fn = NTXentLoss(temperature=0.2)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

for epoch in range(5):
    total = 0.0
    for images in loader:
        z0, z1 = (model(view) for view in views(images))
        loss = loss_fn(z0, z1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: loss {total / len(loader):.3f}")
