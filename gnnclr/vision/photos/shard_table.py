"""A table that says where each photo of some shards lies."""

import hashlib
import json
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gnnclr.ops.atomic import atomic_write
from gnnclr.vision.datasets.image_folder import cache_folder
from gnnclr.vision.photos.progress import progress
from gnnclr.vision.photos.shard_members import read_members
from gnnclr.vision.photos.text_column import TextColumn

#: Counts up when shards are read in another way, so that nothing is taken from an older table.
VERSION = 1


class ShardTable(NamedTuple):
    """Where the photos of some shards lie, in the order of shards and members.

    Args:
        places (numpy.ndarray): Of each photo the number of its shard, where its contents begin and how long they are
            :math:`(N, 3)`, ``int64``.
        names (TextColumn): Their names: the shard, relative to the folder of all, and the member.
        label (numpy.ndarray): The number of each one's label among :obj:`labels` :math:`(N)`, ``-1`` for none.
        labels (list[str]): The labels that there are, as they stand in the shards.
        passed_over (dict): The number of what was passed over, by why.
    """

    places: np.ndarray
    names: TextColumn
    label: np.ndarray
    labels: list[str]
    passed_over: dict[str, int]


def shards_key(shards: Sequence[Path]) -> str:
    """A text that changes with the names, sizes and times of shards.

    Args:
        shards (sequence): The shards.
    """
    stamps = [(str(shard.resolve()), stat.st_size, stat.st_mtime_ns) for shard in shards for stat in [os.stat(shard)]]
    return hashlib.sha256(json.dumps([VERSION, stamps]).encode()).hexdigest()


def shard_table(shards: Sequence[Path]) -> ShardTable:
    """The table of some shards: that of the cache folder, if they have not changed since, or a new one, which is kept.

    Args:
        shards (sequence): The shards.

    Raises:
        BrokenShard: If a shard is cut, compressed or no tar file; a key has two images, or a label is none.
    """
    path = cache_folder() / f"shards-{shards_key(shards)[:24]}.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as file:
                names = TextColumn(file["letters"], file["ends"])
                return ShardTable(file["places"], names, file["label"], *json.loads(str(file["texts"])))
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            print(f"gnnclr: the cache '{path}' is damaged and made anew ({error})", file=sys.stderr)
    table = read_shards(shards)
    texts = np.array(json.dumps([table.labels, table.passed_over]))
    arrays = {"places": table.places, "letters": table.names.letters, "ends": table.names.ends, "label": table.label}
    with atomic_write(path, "wb") as file:
        np.savez(file, allow_pickle=False, texts=texts, **arrays)
    return table


def read_shards(shards: Sequence[Path]) -> ShardTable:
    """Makes the table of some shards, with a bar on a terminal.

    Args:
        shards (sequence): The shards.

    Raises:
        BrokenShard: If a shard is cut, compressed or no tar file; a key has two images, or a label is none.
    """
    folder = Path(os.path.commonpath([shard.parent for shard in shards]))
    places, names, label, passed_over = [], [], [], Counter[str]()
    numbers = {"": -1}
    with progress("looking at all shards", sum(os.stat(shard).st_size for shard in shards), "B") as advance:
        for number, shard in enumerate(shards):
            found = read_members(shard, advance)
            places.append([(number, photo.offset, photo.size) for photo in found.photos])
            names.append(TextColumn.of(f"{shard.relative_to(folder)}/{photo.name}" for photo in found.photos))
            label.append([numbers.setdefault(photo.label, len(numbers) - 1) for photo in found.photos])
            passed_over += found.passed_over
            passed_over["shards without a photo"] += not found.photos
            places[-1], label[-1] = np.array(places[-1], np.int64).reshape(-1, 3), np.array(label[-1], np.int64)
    return ShardTable(
        np.concatenate(places), TextColumn.joined(names), np.concatenate(label), list(numbers)[1:], dict(+passed_over)
    )
