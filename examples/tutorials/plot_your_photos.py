"""
Your photos: from a folder to neighbors
=======================================

A folder of photos without labels, of all sizes and one of them broken, becomes an encoder, and photos are found by what
they show. The guide :doc:`/your_images` has the same for real ones, and goes on to evaluation and export.
"""

import contextlib
import io
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

import gnnclr
from gnnclr.cli import main

# %%
# The photos, drawn here: stripes, checks and dots, dark on light, of any size and angle.
random = np.random.default_rng(0)
folder = Path(mkdtemp())
PATTERNS = {
    "stripes": lambda x, y: np.sin(x) > 0,
    "checks": lambda x, y: np.sin(x) * np.sin(y) > 0,
    "dots": lambda x, y: np.cos(x) + np.cos(y) > 1,
}


def photo(pattern):
    """A pattern in a dark and a light color."""
    height, width = random.integers(60, 100, size=2)
    y, x = np.mgrid[:height, :width]
    angle, period = random.uniform(0, np.pi), random.uniform(2.0, 3.5)
    turned = (x * np.cos(angle) + y * np.sin(angle)) / period, (y * np.cos(angle) - x * np.sin(angle)) / period
    colors = np.uint8(random.uniform([[30], [140]], [[110], [220]], size=(2, 3)))
    return Image.fromarray(colors[PATTERNS[pattern](*turned).astype(int)])


names = list(PATTERNS) * 80
for number, name in enumerate(names):
    photo(name).save(folder / f"{number:03}-{name}.jpg")
Path(folder, "broken.jpg").touch()

# %%
# The training is a command; in a notebook it is called by its words. These photos are simple, so a small network sees
# 32 × 32 pixels of them, and 15 epochs take seconds. Without these settings it is a ResNet-18 at 128 × 128.
run = Path(mkdtemp()) / "run"
command = f"fit --config simclr-folder --data.root={folder} --out={run} --seed_everything=0 --data.workers=0"
command += " --data.size=32 --model.method.views.size=32 --data.batch_size=32"
command += " --model.method.encoder=gnnclr.vision.SlimResNet --model.method.encoder.widths=[16,32,64]"
command += " --trainer.max_epochs=15 --model.optimizer.lr=0.003"
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    failed = main(command.split())
print(said.getvalue() if failed else "passed over:", (run / "broken.txt").read_text().replace(str(folder), "photos"))

# %%
# The encoder, with the preprocessing of its photos.
encoder = gnnclr.load(run)
paths = sorted(path for path in folder.glob("*.jpg") if path.stem != "broken")
with torch.no_grad():
    z = torch.nn.functional.normalize(encoder(paths), dim=1)
print(f"{len(paths)} photos, features {tuple(z.shape)}")

# %%
# Of six photos the five nearest others.
nearest = (z @ z.t()).topk(6, dim=1).indices
figure, axes = plt.subplots(6, 6, figsize=(6.4, 6.4), layout="constrained")
for line, row in zip(axes, nearest[:6]):
    for axis, other in zip(line, row):
        axis.imshow(encoder.prepare(paths[other])[0].permute(1, 2, 0))
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
axes[0, 0].set_title("photo", fontsize=10)
axes[0, 3].set_title("its nearest neighbors", fontsize=10)
plt.show()

# %%
# How often a neighbor shows the same pattern; by chance it were a third.
kind = torch.arange(len(paths)) % 3
pixels = torch.stack([encoder.prepare(path)[0].flatten() for path in paths])
for name, rows in (("pixels", pixels - pixels.mean(dim=0)), ("features", z)):
    rows = torch.nn.functional.normalize(rows.float(), dim=1)
    found = (rows @ rows.t()).fill_diagonal_(-2).topk(5, dim=1).indices
    print(f"{name:8}: {(kind[found] == kind[:, None]).float().mean():.0%} of the five nearest show the same pattern")
