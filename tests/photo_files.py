"""Small photos of all kinds, as files."""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

ROTATED = 6  # EXIF: the camera was held on its side


def picture(height, width, seed=0):
    """Smooth colors with some noise: no two seeds look alike, and JPEG hardly changes them."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(generator.uniform(2, 9) * x + generator.uniform(2, 9) * y + generator.uniform(0, 6)) for _ in "rgb"]
    pixels = np.stack(waves, axis=2) * 90 + 128 + generator.normal(0, 4, (height, width, 3))
    return pixels.clip(0, 255).astype(np.uint8)


def save(path, height=40, width=56, seed=0, mode="RGB", **options):
    """Writes a picture in a mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture(height, width, seed))
    if mode == "I;16":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path, **options)
        return
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.full((height, width), 255, np.uint8)))
    elif mode != "RGB":
        image = image.convert(mode)
    if options.pop("turned", False):
        exif = Image.Exif()
        exif[0x0112] = ROTATED
        options["exif"] = exif
    image.save(path, **options)


#: Names and options of pictures of all kinds.
KINDS = {
    "color.jpg": {},
    "grey.png": {"mode": "L"},
    "transparent.png": {"mode": "RGBA"},
    "palette.gif": {"mode": "P"},
    "deep.png": {"mode": "I;16"},
    "print.jpg": {"mode": "CMYK"},
    "turned.jpg": {"turned": True},
    "bits.tif": {"mode": "1"},
    "large.webp": {"height": 130, "width": 90},
    "tall.bmp": {"height": 90, "width": 11},
}


def photo_folder(root: Path, count: int, folders=("",), kinds=True) -> list[str]:
    """Fills a folder with ``count`` photos of many sizes, spread over its folders, and returns their names."""
    names = []
    for i in range(count):
        kind, options = list(KINDS.items())[i % len(KINDS)] if kinds else ("color.jpg", {})
        name = str(Path(folders[i % len(folders)], f"{i:03d}-{kind}"))
        size = {"height": 30 + i % 17, "width": 34 + i % 23} | options
        save(root / name, seed=zlib.crc32(name.encode()), **size)
        names.append(name)
    return names
