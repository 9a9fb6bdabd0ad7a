"""
Neighbors before and after training
===================================

Handwritten digits at random places of a larger canvas: pixels that agree say little about the digit. A small network
trains for a few seconds on two views of each image with the NT-Xent loss, without labels; then neighbors are digits of
the same kind.
"""

import matplotlib.pyplot as plt
import torch

from gnnclr.losses import NTXentLoss
from gnnclr.vision import BatchViews, MLPHead, SimCLR, SlimResNet, digits_canvas

# %%
# The data and the method: views are random crops of the canvas.
torch.manual_seed(0)
data = digits_canvas()
train, test = data.train.images, data.test
views = BatchViews(12, scale=(0.3, 1.0), flip=0.0, mean=0.15, std=0.3)
method = SimCLR(SlimResNet((16, 32), in_channels=1, stem_stride=1), MLPHead(32, 64, 32), views, NTXentLoss(0.2))


def features():
    """What the network makes of the test images, as rows of unit length."""
    method.eval()
    with torch.no_grad():
        z = method((test.images / 255 - 0.15) / 0.3)
    method.train()
    return torch.nn.functional.normalize(z, dim=1)


before = features()
optimizer = torch.optim.AdamW(method.parameters(), lr=5e-3)
for _ in range(8):
    for rows in torch.randperm(len(train)).split(256):
        loss, _ = method.training_step_loss({"image": train[rows]})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
after = features()

# %%
# Of six test images the five nearest others, by cosine similarity.


def nearest(z, rows, k=5):
    """The nearest other rows."""
    score = z[rows] @ z.t()
    score[torch.arange(len(rows)), rows] = -2
    return score.topk(k, dim=1).indices


rows = torch.arange(6)
figure, axes = plt.subplots(6, 12, figsize=(9.6, 5.2), layout="constrained")
for line, row in zip(axes, rows):
    line[0].imshow(test.images[row, 0], cmap="gray_r")
    line[6].set_visible(False)
    for left, z in ((1, before), (7, after)):
        for axis, other in zip(line[left : left + 5], nearest(z, rows)[row]):
            axis.imshow(test.images[other, 0], cmap="gray_r")
            same = test.labels[other] == test.labels[row]
            axis.spines[:].set(color="#228833" if same else "#b4232a", linewidth=2)
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
axes[0, 0].set_title("image", fontsize=10)
axes[0, 3].set_title("neighbors before training", fontsize=10)
axes[0, 9].set_title("and after it; green: the same digit", fontsize=10)
plt.show()

# %%
# Over all test images, the share of neighbors of the same digit.
every = torch.arange(len(test.labels))
for name, z in (("before", before), ("after", after)):
    share = (test.labels[nearest(z, every)] == test.labels[every, None]).float().mean()
    print(f"{name}: {share:.1%} of the neighbors are of the same digit")
