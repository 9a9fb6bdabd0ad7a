"""
Ten losses in the plane of alignment and uniformity
===================================================

A good representation has close positives and spreads all samples evenly (`Wang and Isola, 2020
<https://arxiv.org/abs/2005.10242>`_); both measures are better when smaller. Ten losses train the same small network on
handwritten digits from the same start, with the same batches, so what differs is the loss alone.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn.functional import normalize

from gnnclr import losses
from gnnclr.eval import alignment, uniformity
from gnnclr.vision import RandomAffine, Views, digits

# %%
# The losses, and what they train on: two views of each digit, turned, moved and scaled.
data = digits()
views = Views([RandomAffine(degrees=15, translate=(0.2, 0.2), scale=(0.8, 1.2))])
objectives = {
    "NT-Xent, temperature 0.5": losses.NTXentLoss(0.5),
    "NT-Xent, temperature 0.1": losses.NTXentLoss(0.1),
    "InfoNCE": losses.InfoNCELoss(0.5),
    "DCL": losses.DCLLoss(0.5),
    "DHEL": losses.DHELLoss(0.5),
    "hard negatives": losses.HardNegativeLoss(0.5),
    "alignment + uniformity": losses.AlignUniformLoss(),
    "KCL": losses.KCLLoss(),
    "spectral": losses.SpectralContrastiveLoss(),
    "negative cosine, no negatives": losses.NegativeCosineLoss(),
}


# %%
# The measures are those of validation digits, every ten steps.


def path(loss, steps=150):
    """Alignment and uniformity over a training."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))
    optimizer, held, places = torch.optim.AdamW(network.parameters(), lr=2e-3), views(data.val.images), []
    for step in range(steps + 1):
        if step % 10 == 0:
            with torch.no_grad():
                z0, z1 = (normalize(network(view), dim=1) for view in held)
            places.append((float(alignment(z0, z1)), float(uniformity(z0))))
        batch = data.train.images[torch.randint(len(data.train.images), (128,))]
        optimizer.zero_grad()
        loss(*(network(view) for view in views(batch))).backward()
        optimizer.step()
    return torch.tensor(places)


paths = {name: path(loss) for name, loss in objectives.items()}
for name, places in paths.items():
    print(f"{name:30} alignment {places[-1, 0]:.2f}, uniformity {places[-1, 1]:.2f}")

# %%
# Without negatives everything meets in one point, at the top left. With them points leave the start, where all are
# alike, downwards, and each loss strikes a balance of its own: KCL and the sum of alignment and uniformity spread the
# most and keep views furthest apart, the spectral loss holds them closest, those with a softmax lie between.
figure, axis = plt.subplots(figsize=(8.6, 5.2), layout="constrained")
for number, (name, places) in enumerate(paths.items()):
    axis.plot(*places.t(), color=f"C{number}", linewidth=1.6, alpha=0.7)
    axis.scatter(*places[-1], color=f"C{number}", s=42, zorder=3, label=name)
axis.scatter(*places[0], color="black", marker="x", s=50, zorder=4, label="start")
axis.set(xlabel="alignment: mean squared distance of positives", ylabel="uniformity: log mean Gaussian of pairs")
axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
axis.spines[["top", "right"]].set_visible(False)
plt.show()
