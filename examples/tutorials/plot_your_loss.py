"""
Your loss: SimCLR in a loop of your own
=======================================

A training in plain torch, with one line of gnnclr for the loss. Handwritten digits lie anywhere on a canvas, so pixels
say little about them; without labels a small network learns features that a linear classifier reads.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.linear_model import LogisticRegression

from gnnclr.losses import NTXentLoss
from gnnclr.vision import RandomAffine, Views, digits_canvas

# %%
# Two views of each image: what turning, moving and scaling leave of it. Any pipeline of yours does, the loss only takes
# what the network makes of the views.
torch.manual_seed(0)
data = digits_canvas(size=12)
images = data.train.images
views = Views([RandomAffine(degrees=10, translate=(0.3, 0.3), scale=(0.9, 1.1))])

figure, axes = plt.subplots(2, 10, figsize=(9.6, 2.1), layout="constrained")
for line, view in zip(axes, views(images[:10])):
    for axis, image in zip(line, view):
        axis.imshow(image[0], cmap="gray_r")
        axis.set(xticks=[], yticks=[])
plt.show()

# %%
# The network, a projector, and the loss. The loss takes projections of any length, and is exact at any temperature.
encoder = torch.nn.Sequential(
    torch.nn.Conv2d(1, 32, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(32, 64, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.AdaptiveMaxPool2d(2),
    torch.nn.Flatten(),
)
projector = torch.nn.Linear(256, 64)
loss_fn = NTXentLoss(temperature=0.2)
optimizer = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=2e-3)

# %%
# The loop.
losses = []
for _ in range(30):
    for rows in torch.randperm(len(images)).split(256):
        z0, z1 = (projector(encoder(view)) for view in views(images[rows]))
        loss = loss_fn(z0, z1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

figure, axis = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
axis.plot(losses, linewidth=1.5)
axis.set(xlabel="step", ylabel="NT-Xent")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# What was learned: a linear classifier of pixels and one of features, fitted to the training digits.
with torch.no_grad():
    for name, features in (("pixels", torch.nn.Flatten()), ("features", encoder)):
        x, test = (features(views.plain(part.images)) for part in (data.train, data.test))
        probe = LogisticRegression(max_iter=2000).fit(x, data.train.labels)
        print(f"{name:8}: a linear classifier gets {probe.score(test, data.test.labels):.1%} of the test digits right")

# %%
# Another objective is another line: ``DHELLoss(0.2)``, ``KernelInfoNCELoss(0.2)``, or one made of parts. The guide
# :doc:`/your_loss` has labels, queues, weights, half precision and many processes.
