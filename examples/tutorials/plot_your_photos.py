"""
Your photos: from a folder to neighbors
=======================================

A folder of photos without labels, of all sizes and one of them broken, becomes an encoder, and photos are found by what
they show. The guide :doc:`/your_images` has the same for real ones, and goes on to evaluation and export.
"""

import contextlib
import io
import random
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import torch
from PIL import Image, ImageDraw

import gnnclr
from gnnclr.cli import main

# %%
# The photos, drawn here: discs, squares and triangles of any color, place and size.
random.seed(0)
folder = Path(mkdtemp())
SHAPES = ("disc", "square", "triangle")


def color():
    """Any color."""
    return tuple(random.randrange(256) for _ in range(3))


def photo(shape):
    """A shape on a background."""
    width, height = random.randint(70, 110), random.randint(70, 110)
    image = Image.new("RGB", (width, height), color())
    r = random.randint(14, 30)
    x, y = random.randint(r, width - r), random.randint(r, height - r)
    draw = ImageDraw.Draw(image)
    if shape == "triangle":
        draw.polygon([(x - r, y + r), (x + r, y + r), (x, y - r)], fill=color())
    else:
        {"disc": draw.ellipse, "square": draw.rectangle}[shape]((x - r, y - r, x + r, y + r), fill=color())
    return image


for number in range(240):
    photo(SHAPES[number % 3]).save(folder / f"{number:03}-{SHAPES[number % 3]}.jpg")
(folder / "broken.jpg").write_bytes(b"no photo")

# %%
# The training is a command; in a notebook it is called by its words. These photos are small, so the encoder sees
# 64 × 64 pixels, and a few epochs take seconds.
run = Path(mkdtemp()) / "run"
command = f"fit --config simclr-folder --data.root={folder} --out={run} --data.size=64 --model.method.views.size=64 "
command += "--trainer.max_epochs=8 --seed_everything=0 --data.workers=0"
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    assert main(command.split()) == 0
print((run / "broken.txt").read_text().replace(str(folder), "photos"))

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
# How often a neighbor shows the same shape; by chance it were a third.
shape = torch.arange(len(paths)) % 3
pixels = torch.stack([encoder.prepare(path)[0].flatten() for path in paths])
for name, rows in (("pixels", pixels - pixels.mean(dim=0)), ("features", z)):
    rows = torch.nn.functional.normalize(rows.float(), dim=1)
    found = (rows @ rows.t()).fill_diagonal_(-2).topk(5, dim=1).indices
    print(f"{name:8}: {(shape[found] == shape[:, None]).float().mean():.0%} of the five nearest show the same shape")
