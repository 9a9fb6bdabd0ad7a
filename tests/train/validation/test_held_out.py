"""Lightning's validation loop: what is held out, what is logged, and that the training keeps no trace of it."""

import json

import pytest
import torch
from photo_files import photo_folder

from gnnclr.train import ImageData, PhotoData, Run, TrainingInterrupted, parse_recipe, read_metrics
from gnnclr.train.validation.held_out import HeldOutLoss
from gnnclr.vision import BatchViews, MLPHead, SimCLR, SlimResNet

OF_DATA = ["--data.batch_size=64", "--data.limit=256", "--data.size=8", "--trainer.accelerator=cpu"]
OF_DATA += ["--trainer.max_epochs=4", "--model.method.projector.in_features=8"]
SMALL = [*OF_DATA, "--model.method.encoder.widths=[4,8]", "--trainer.log_every_n_steps=1"]
STEPS = 4  # of an epoch


def train(folder, *options, config="simclr-digits", checkpoint=None):
    run = Run(parse_recipe(config, [*SMALL, *options]), folder)
    return run, run.train(checkpoint)


def losses(run):
    return {row["step"]: row["val_loss"] for row in read_metrics(run.folder / "metrics.csv") if "val_loss" in row}


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (["--trainer.check_val_every_n_epoch=3"], [11]),
        (["--trainer.val_check_interval=0.5", "--trainer.max_epochs=1"], [1, 3]),
        (["--trainer.val_check_interval=3", "--trainer.check_val_every_n_epoch=null"], [2, 5, 8, 11, 14]),
        (["--trainer.limit_val_batches=1", "--trainer.num_sanity_val_steps=1", "--trainer.max_epochs=1"], [3]),
        (["--trainer.limit_val_batches=0", "--trainer.check_val_every_n_epoch=1", "--trainer.max_epochs=1"], []),
        (["--trainer.fast_dev_run=true"], []),
    ],
)
def test_flags_of_lightning(options, steps, tmp_path):
    run, _ = train(tmp_path, *options)
    assert list(losses(run)) == steps
    if steps:
        recipe = parse_recipe(str(run.folder / "config.yaml"))
        assert recipe == run.recipe and recipe.trainer.limit_val_batches != 0


def test_the_training_keeps_no_trace(tmp_path, one_thread):
    """Of a method with a queue: other validations, the same weights, keys and losses."""
    states, metrics = [], []
    for every in (1, 2):
        run, _ = train(
            tmp_path / str(every),
            f"--trainer.check_val_every_n_epoch={every}",
            "--trainer.max_epochs=2",
            "--data.dataset=digits",
            "--model.method.queue.size=100",
            config="moco-v2",
        )
        states.append(torch.load(run.checkpoint, weights_only=True)["state_dict"])
        metrics.append([row for row in read_metrics(run.folder / "metrics.csv") if "val_loss" not in row])
        last = losses(run)[7]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    assert metrics[0] == metrics[1] and len(metrics[0]) == 8 and losses(run) == {7: last}


def test_the_loss_is_that_of_held_out_images():
    data = ImageData("digits", size=8, batch_size=50)
    data.hold_out()
    data.setup("fit")
    trained, held_out = data.training_images()[0], data.images.val.images
    assert len(trained) == len(data.images.train.images) and len(data.training_labels()) == len(trained)
    loader, batches = data.val_dataloader(), list(data.val_dataloader())
    assert [len(batch["image"]) for batch in batches] == [50] * (len(held_out) // 50) == [50] * len(loader)
    rows = set(map(bytes, held_out.flatten(1).numpy()))
    assert {bytes(image) for batch in batches for image in batch["image"].flatten(1).numpy()} <= rows
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(batches, loader)) and set(batches[0]) == {"image"}
    method = SimCLR(SlimResNet((4, 8), 1, 1), MLPHead(8, 8, 4), BatchViews(8, mean=0.3, std=0.4))
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in method.state_dict().items()}
    loss = HeldOutLoss(method, 0, 0)
    with torch.inference_mode():
        for number, batch in enumerate(batches):
            loss.add(batch, number)
    expected = HeldOutLoss(method, 0, 0)
    expected.add(batches[0], 0)
    assert loss.mean() > 0 and len(batches) > 1 and expected.mean() != loss.mean() and method.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in method.state_dict().items())
    supervised = ImageData("digits", batch_size=50, labels=True, train_classes=["3", "7"])
    supervised.hold_out()
    supervised.setup("fit")
    assert {int(y) for batch in supervised.val_dataloader() for y in batch["label"]} == {3, 7}


@pytest.mark.parametrize("folders", [("",), ("a", "b"), ("train/a", "train/b", "val/a", "val/b")])
def test_photos_that_are_held_out(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    photo_folder(tmp_path / "photos", 40, folders, kinds=False)
    data = PhotoData(str(tmp_path / "photos"), size=8, global_batch_size=4, workers=0)
    data.setup("fit")  # as where channels or colors are read from the data
    assert data.val_dataloader() == []
    data.hold_out()
    data.check(SimCLR(SlimResNet((4, 8)), MLPHead(8, 8, 4), BatchViews(8, mean=0.5, std=0.2)))
    tested = data.split.test if data.split is not None else torch.tensor([], dtype=torch.long)
    assert len(data._val) == (20 if "val/a" in folders else 4)
    assert not torch.isin(data._val, torch.cat([data._train, tested])).any()
    assert len(data._val) + len(data._train) + len(tested) == 40
    first, second = list(data.val_dataloader()), list(data.val_dataloader())
    assert first[0]["image"].shape == (4, 2, 3, 8, 8) and set(first[0]) == {"image"}
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(first, second))


def test_callbacks_that_monitor_it(tmp_path):
    """Early stopping ends a training whose weights stay as they are, and the best checkpoint is kept. Views of an image
    are drawn alike each time, so that the loss stays as well."""
    best = {"monitor": "val_loss", "dirpath": str(tmp_path / "best"), "filename": "best"}
    callbacks = [
        {"class_path": f"lightning.pytorch.callbacks.{name}", "init_args": arguments}
        for name, arguments in (("EarlyStopping", {"monitor": "val_loss", "patience": 1}), ("ModelCheckpoint", best))
    ]
    options = ["--trainer.check_val_every_n_epoch=1", f"--trainer.callbacks={json.dumps(callbacks)}"]
    options += ["--model.method.encoder=deterministic.GroupNormNet", "--model.method.projector=torch.nn.Linear"]
    options += ["--model.method.projector.out_features=8", "--model.optimizer.lr=0.0"]
    run = Run(parse_recipe("simclr-digits", [*OF_DATA, "--trainer.log_every_n_steps=1", *options]), tmp_path / "run")
    assert run.train().step == 2 * STEPS and len(set(losses(run).values())) == 1
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["best.ckpt"]


def test_a_stopped_run_goes_on_alike(tmp_path, one_thread):
    """Within an epoch, and at its end, where the loss of held-out images is still to come."""
    options = ["--trainer.val_check_interval=0.5", "--trainer.max_epochs=3"]
    whole, _ = train(tmp_path / "whole", *options)
    states, rows = [], []
    for stop in (6, 8):
        callback = {"class_path": "seen_batches.SeenBatches", "init_args": {"folder": str(tmp_path), "steps": stop}}
        folder = tmp_path / str(stop)
        with pytest.raises(TrainingInterrupted):
            train(folder, *options, f"--trainer.callbacks={json.dumps([callback])}")
        assert torch.load(Run.open(folder).checkpoint, weights_only=True)["global_step"] == stop
        train(folder, *options, checkpoint=Run.open(folder).checkpoint)
    for folder in (whole.folder, tmp_path / "6", tmp_path / "8"):
        states.append(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
        rows.append(sorted(sorted(row.items()) for row in read_metrics(folder / "metrics.csv")))
    for state in states[1:]:
        assert all(torch.equal(value, state[name]) for name, value in states[0].items())
    assert rows[0] == rows[1] == rows[2] and len(rows[0]) == 12 + 6


def test_too_few_held_out_images():
    data = ImageData("digits", batch_size=50, train_classes=["3"])
    data.hold_out()
    data.setup("fit")
    data.images.val.labels[:] = 0
    with pytest.raises(ValueError, match="with fewer than two validation samples for each process"):
        data.val_dataloader()


def test_a_training_on_photos_holds_a_tenth_out(tmp_path, monkeypatch):
    """Also where colors were measured before the recipe was known to validate."""
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    photo_folder(tmp_path / "photos", 30, kinds=False)
    options = [f"--data.root={tmp_path / 'photos'}", "--data.workers=0", "--data.size=8", "--data.batch_size=8"]
    options += ["--model.method.views.size=8", "--model.method.encoder=deterministic.GroupNormNet"]
    options += ["--model.method.encoder.channels=3", "--model.method.projector.in_features=8"]
    options += ["--trainer.accelerator=cpu", "--trainer.max_epochs=1", "--trainer.check_val_every_n_epoch=1"]
    run = Run(parse_recipe("simclr-folder", options), tmp_path / "run")
    trained = run.train()
    assert trained.step == 27 // 8 and list(losses(run)) == [2]
