"""A training that a limit ended goes on as if it had none: the same weights and the same curve."""

from functools import cache

import pytest
import torch
from lightning.pytorch import Callback
from photo_files import photo_folder

from gnnclr.configs import RecipeError
from gnnclr.train import Run, parse_recipe, read_metrics

#: A learning rate that does not depend on where a training ends.
COMMON = [
    "--trainer.accelerator=cpu",
    "--trainer.log_every_n_steps=1",
    "--model.final_lr=1.0",
    "--model.warmup_steps=0",
]
SMALL = ["--model.method.encoder.widths=[4,8]", "--model.method.projector.in_features=8"]
#: Epochs of three steps.
DIGITS = ["simclr-digits", *SMALL, "--data.batch_size=160", "--data.limit=480", "--data.size=8"]
PHOTOS = ["simclr-folder", "--data.batch_size=4", "--data.limit=12", "--data.size=8", "--data.workers=0"]
PHOTOS += ["--model.method.views.size=8", "--model.method.encoder=deterministic.GroupNormNet"]
PHOTOS += ["--model.method.encoder.channels=3", "--model.method.projector.in_features=8"]
NODES = ["grace-sbm", "--data.size=120", "--data.loader=gnnclr.node.RandomNodeLoader", "--data.loader.batch_size=40"]
NEIGHBORS = ["grace-neighbors-sbm", "--data.size=120", "--data.loader.batch_size=40", "--data.loader.size=8"]
NEIGHBORS += ["--data.neighbors.every=2", "--data.neighbors.k=3"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    photo_folder(folder / "all", 16, ("a", "b"), kinds=False)
    return folder / "all"


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))


@cache
def recipe(*settings):
    return parse_recipe(settings[0], [*COMMON, *settings[1:]])


def train(folder, settings, max_epochs=-1, max_steps=-1, ckpt=None):
    """The last checkpoint of a training that takes another checkpoint in its folder to go on from."""
    made = recipe(*settings).clone()
    made.trainer.max_epochs, made.trainer.max_steps = max_epochs, max_steps
    run = Run(made, folder)
    run.train(folder / "checkpoints" / ckpt if ckpt else None)
    return torch.load(run.checkpoint, weights_only=True)


def assert_same(folder, ended, whole_folder, whole):
    assert (ended["epoch"], ended["global_step"]) == (whole["epoch"], whole["global_step"])
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, ended["state_dict"][name]), name
    for key, state in whole["optimizer_states"][0]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, ended["optimizer_states"][0]["state"][key][name]), name
    assert (folder / "metrics.csv").read_text() == (whole_folder / "metrics.csv").read_text()


@pytest.mark.parametrize("kind", ["digits", "photos", "nodes", "neighbors"])
def test_a_training_that_a_limit_ended_goes_on(kind, tmp_path, root, one_thread):
    """Within an epoch and at its end, by a limit of steps or of epochs."""
    settings = {"digits": DIGITS, "photos": [*PHOTOS, f"--data.root={root}"], "nodes": NODES, "neighbors": NEIGHBORS}[
        kind
    ]
    whole = train(tmp_path / "whole", settings, 3)
    assert whole["epoch"] == 3 and whole["global_step"] == 9
    ends = [{"max_steps": 4}, {"max_steps": 5}, {"max_epochs": 2}, {"max_steps": 8}, {"max_epochs": 3}]
    for number, end in enumerate(ends):
        ended = train(tmp_path / "ended", settings, **end, ckpt="last.ckpt" if number else None)
        step = end.get("max_steps", 3 * end.get("max_epochs", 0))
        assert (ended["epoch"], ended["global_step"]) == (step // 3, step)
    assert_same(tmp_path / "ended", ended, tmp_path / "whole", whole)


def test_checkpoints_of_lightning(tmp_path, one_thread):
    """Those that it writes itself at the end of an epoch and of a limit, with its validation loop after epochs."""
    settings = [
        *DIGITS,
        "--checkpoint.filename={step}",
        "--checkpoint.save_top_k=-1",
        "--trainer.limit_val_batches=1.0",
    ]
    settings += ["--checkpoint.every_n_epochs=1", "--checkpoint.every_n_train_steps=null"]
    whole = train(tmp_path / "whole", settings, 3)
    train(tmp_path / "ended", settings, 3, 4)
    for name in ("step=3.ckpt", "step=4.ckpt"):
        ended = train(tmp_path / "ended", settings, 3, 9, ckpt=name)
        assert_same(tmp_path / "ended", ended, tmp_path / "whole", whole)


class Ends(Callback):
    """Ends a training as a limit of time does, after so many steps."""

    def on_train_batch_end(self, trainer, *args):
        trainer.should_stop = trainer.global_step == 4


def test_a_stop_within_an_epoch_that_is_watched(tmp_path, one_thread):
    settings = [*DIGITS, "--watch.every_n_epochs=2"]
    whole = train(tmp_path / "whole", settings, 3)
    made = recipe(*settings, f'--trainer.callbacks=[{{"class_path": "{__name__}.Ends"}}]').clone()
    made.trainer.max_epochs = 3
    Run(made, tmp_path / "ended").train()
    ended = train(tmp_path / "ended", settings, 3, ckpt="last.ckpt")
    assert_same(tmp_path / "ended", ended, tmp_path / "whole", whole)


def test_another_end_has_its_own_schedule_at_once(tmp_path, one_thread):
    settings = [*DIGITS, "--model.final_lr=0.0"]
    train(tmp_path / "whole", settings, 3)
    train(tmp_path / "ended", settings, 3, 4)
    train(tmp_path / "ended", settings, 3, ckpt="last.ckpt")
    whole, ended = ([row["lr"] for row in read_metrics(tmp_path / name / "metrics.csv")] for name in ("whole", "ended"))
    assert len(whole) == 9 and ended[:4] != whole[:4] and ended[4:] == whole[4:]


def test_all_steps_were_taken(tmp_path, capsys, one_thread):
    train(tmp_path, DIGITS, max_steps=2)
    assert train(tmp_path, DIGITS, max_steps=2, ckpt="last.ckpt")["global_step"] == 2
    assert "has had all of its 2 steps and is evaluated alone; for more, give --trainer.max_steps=4" in (
        capsys.readouterr().out
    )
    with pytest.raises(RecipeError, match=r"has had 2 steps: 'trainer\.max_steps' must not be less"):
        train(tmp_path, DIGITS, max_steps=1, ckpt="last.ckpt")
