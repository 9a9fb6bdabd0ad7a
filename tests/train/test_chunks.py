"""Recipes whose encoders take chunks."""

import os
import signal

import pytest
import torch

from gnnclr.train import RecipeError, Run, TrainingInterrupted, parse_recipe, read_metrics
from gnnclr.vision import SimCLR

COMMON = ["--trainer.accelerator=cpu", "--trainer.log_every_n_steps=1"]
DIGITS = [
    "--data.batch_size=256",
    "--data.size=8",
    "--model.method.encoder=chunk_cases.GroupNormEncoder",
    "--model.method.projector.in_features=4",
    "--trainer.max_steps=6",
]
NODES = ["--data.dataset=sbm", "--data.size=120", "--trainer.max_epochs=6"]
RECIPES = {"simclr-digits": (DIGITS, 100), "decoupled": (NODES, 50)}


def run(name, folder, *overrides):
    return Run(parse_recipe(name, [*RECIPES[name][0], *COMMON, *overrides]), folder)


def curve(trained):
    return [row["loss"] for row in read_metrics(trained.folder / "metrics.csv")]


@pytest.mark.parametrize("name", RECIPES)
def test_losses_are_those_of_whole_batches(name, tmp_path):
    size = RECIPES[name][1]
    whole, chunked = run(name, tmp_path / "a"), run(name, tmp_path / "b", f"--model.method.chunk_size={size}")
    for each in (whole, chunked):
        each.train()
    assert chunked.build().model.method.chunk_size == size
    assert len(curve(whole)) == 6 and curve(chunked) == pytest.approx(curve(whole), rel=1e-4)


@pytest.mark.filterwarnings("ignore:batch normalization sees")
def test_a_run_resumes_bit_for_bit(tmp_path, monkeypatch):
    settings = [*DIGITS[:2], *COMMON, "--model.method.encoder.widths=[4]", "--model.method.projector.in_features=4"]
    recipe = parse_recipe("simclr-digits", [*settings, "--model.method.chunk_size=100", "--trainer.max_steps=6"])
    whole, stopped = Run(recipe, tmp_path / "whole"), Run(recipe, tmp_path / "stopped")
    whole.train()
    step, calls = SimCLR.training_step_loss, []

    def interrupted(self, batch):
        calls.append(self.chunk_size)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch)

    monkeypatch.setattr(SimCLR, "training_step_loss", interrupted)
    with pytest.raises(TrainingInterrupted):
        stopped.train()
    stopped.train(stopped.checkpoint)
    assert calls == [100] * 6
    a, b = (torch.load(each.checkpoint, weights_only=True)["state_dict"] for each in (whole, stopped))
    assert all(torch.equal(value, b[name]) for name, value in a.items())


def test_a_method_of_neighbors_refuses_chunks():
    with pytest.raises(RecipeError, match="unknown field 'chunk_size': only methods for images, and Decoupled"):
        parse_recipe("grace-sbm", ["--model.method.chunk_size=5"])


@pytest.mark.parametrize("bad", ["0", "2.5", "true"])
def test_bad_sizes(bad, tmp_path):
    with pytest.raises(RecipeError, match=r"'model\.method\.chunk_size' must be"):
        run("decoupled", tmp_path, f"--model.method.chunk_size={bad}").build()
