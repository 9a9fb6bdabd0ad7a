"""Training on photos in shards is that on the same photos in a folder."""

import tarfile

import numpy as np
import pytest
import torch
from photo_files import photo_folder, save

from gnnclr.train import PhotoData, Run, parse_recipe
from gnnclr.train.embedding import embed_run
from gnnclr.train.embedding.of_images import embed_images
from gnnclr.vision import PhotoFolder, SimCLR

SMALL = [
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=2",
    "--checkpoint.every_n_train_steps=1",
    "--data.size=12",
    "--data.batch_size=6",
    "--model.method.views.size=12",
    "--model.method.encoder=gnnclr.vision.SlimResNet",
    "--model.method.encoder.widths=[8,16]",
    "--model.method.projector.in_features=16",
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))


def write_shards(folder, root, count=3):
    """Spreads the photos of a folder over shards, in order; a folder of photos is the class of a sample."""
    root.mkdir()
    names = PhotoFolder(folder).names
    for i, some in enumerate(np.array_split(np.array(names), count)):
        with tarfile.open(root / f"{i}.tar", "w") as archive:
            for name in some:
                archive.add(folder / name, name)
                if "/" in name:
                    label = folder / "label.cls"
                    label.write_text(name.split("/")[0])
                    archive.add(label, name.partition(".")[0] + ".cls")
    (folder / "label.cls").unlink(missing_ok=True)
    return names


def run_on(root, folder, *overrides):
    return Run(parse_recipe("simclr-folder", [*SMALL, f"--data.root={root}", *overrides]), folder)


def weights(run):
    return torch.load(run.checkpoint, weights_only=True)["state_dict"]


def test_fit_and_resume_are_those_of_a_folder(tmp_path, monkeypatch):
    photo_folder(tmp_path / "photos", 21)
    names = write_shards(tmp_path / "photos", tmp_path / "shards")
    whole = run_on(tmp_path / "photos", tmp_path / "whole", "--data.workers=0")
    whole.fit()
    pattern, steps = f"{tmp_path}/shards/{{0..2}}.tar", []

    def stops(method, batch, step=SimCLR.training_step_loss):
        steps.append(1)
        if len(steps) == 5:  # the second step of the second epoch
            raise InterruptedError("killed")
        return step(method, batch)

    with monkeypatch.context() as patch:
        patch.setattr(SimCLR, "training_step_loss", stops)
        with pytest.raises(InterruptedError, match="killed"):
            run_on(pattern, tmp_path / "run", "--data.workers=0").fit()
    run = run_on(pattern, tmp_path / "run", "--data.workers=2")
    run.fit(run.checkpoint)
    expected, found = weights(whole), weights(run)
    assert list(expected) == list(found) and all(torch.equal(expected[key], found[key]) for key in expected)
    embedded = embed_run(run.folder)
    assert [name.split("/")[1] for name in embedded["name"]] == names
    assert np.array_equal(embedded["z"], embed_run(whole.folder)["z"])
    assert np.array_equal(embed_images(run, tmp_path / "shards")["z"], embedded["z"])
    (tmp_path / "shards" / "1.tar").write_bytes((tmp_path / "shards" / "1.tar").read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"'images' must hold sound shards \(got '.*1\.tar', which is cut or damaged"):
        embed_images(run, tmp_path / "shards")


def test_labels_in_shards_are_those_of_folders(tmp_path):
    for i in range(24):
        save(tmp_path / "photos" / "ab"[i % 2] / f"{i:02d}.png", 16, 16, seed=i)
    write_shards(tmp_path / "photos", tmp_path / "shards")
    one, other = (PhotoData(str(tmp_path / name), size=12, workers=0) for name in ("photos", "shards"))
    for data in (one, other):
        data.setup("fit")
    assert other.class_names == one.class_names == ["a", "b"] and torch.equal(one.labels, other.labels)
    assert all(torch.equal(getattr(one.split, part), getattr(other.split, part)) for part in ("train", "val", "test"))
