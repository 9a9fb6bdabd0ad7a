import json
import os
import signal
import time

import pytest
import torch
from devices import needs_cuda

from gnnclr.node import GRACE
from gnnclr.train import NodeData, RecipeError, Run, TrainingInterrupted, parse_recipe, read_metrics
from gnnclr.vision import SimCLR

SMALL_DIGITS = [
    "--data.batch_size=128",
    "--data.size=8",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=2",
    "--trainer.log_every_n_steps=1",
]


def weights(run):
    return torch.load(run.checkpoint, weights_only=True)["state_dict"]


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_folder_of_a_graph_run(small_graph, tmp_path):
    run = Run(small_graph, tmp_path / "run")
    result = run.fit()
    assert set(result["test"]) == {"raw", "A²X", "untrained", "trained"}
    assert all(0 < value <= 1 for row in result["test"].values() for value in row.values())
    assert result["steps"] == 3 and result["seed"] == 0
    assert result == json.loads((run.folder / "metrics.json").read_text()) == Run.open(run.folder).result
    metrics = read_metrics(run.folder / "metrics.csv")
    assert [row["step"] for row in metrics] == [0, 1, 2]
    assert {"loss", "alignment", "uniformity", "lr", "epoch"} <= metrics[0].keys()
    assert Run.open(run.folder).evaluate()["test"] == result["test"]


@needs_cuda
@pytest.mark.parametrize("name", ["simclr-knn-digits", "grace-knn-sbm"])
def test_runs_on_cuda_are_read_anywhere(name, tmp_path):
    options = ["--trainer.max_epochs=2", "--trainer.log_every_n_steps=1"]
    run = Run(parse_recipe(name, [*options, "--trainer.accelerator=gpu"]), tmp_path)
    result = run.fit()
    assert all(value > 0.05 for row in result["test"].values() for value in row.values())
    again = Run.open(tmp_path, ["--trainer.accelerator=cpu"]).evaluate()["test"]
    assert {row: pytest.approx(values, abs=0.02) for row, values in result["test"].items()} == again
    resumed = Run.open(tmp_path, ["--trainer.max_epochs=3"])
    assert resumed.fit(resumed.checkpoint)["steps"] > result["steps"]


def test_untrained_row_is_the_start_of_the_run(small_graph, tmp_path):
    run = Run(small_graph, tmp_path)
    start = run.build().model.method.state_dict()
    run.fit()
    untrained, trained, _, step = run.load()
    assert equal(untrained.state_dict(), start) and step == 3
    assert not equal(trained.state_dict(), start)


def test_run_repeats_bit_for_bit(small_digits, tmp_path):
    first, second = Run(small_digits, tmp_path / "a"), Run(small_digits, tmp_path / "b")
    assert first.fit()["test"] == second.fit()["test"]
    assert equal(weights(first), weights(second))
    assert (first.folder / "metrics.csv").read_text() == (second.folder / "metrics.csv").read_text()


def test_interrupt_leaves_a_checkpoint_that_resumes_bit_for_bit(small_graph, tmp_path, monkeypatch):
    whole, stopped = Run(small_graph, tmp_path / "whole"), Run(small_graph, tmp_path / "stopped")
    whole.fit()
    step = GRACE.training_step_loss

    def interrupted(self, data):
        os.kill(os.getpid(), signal.SIGINT)
        return step(self, data)

    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(GRACE, "training_step_loss", interrupted)
        with pytest.raises(TrainingInterrupted) as stop:
            stopped.fit()
    assert stop.value.path == stopped.checkpoint and stop.value.step == 1
    assert signal.getsignal(signal.SIGINT) is handler
    assert stopped.result is None
    stopped.fit(stopped.checkpoint)
    assert equal(weights(whole), weights(stopped))
    assert (whole.folder / "metrics.csv").read_text() == (stopped.folder / "metrics.csv").read_text()


def test_tensorboard_only_when_asked(small_graph, tmp_path):
    pytest.importorskip("tensorboard")
    small_graph.tensorboard = True
    Run(small_graph, tmp_path).fit()
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_folder_without_a_run(tmp_path, small_graph):
    with pytest.raises(RecipeError, match=r"is not the folder of a run: it has no config.yaml"):
        Run.open(tmp_path)
    with pytest.raises(RecipeError, match=r"has no checkpoint checkpoints/last.ckpt"):
        Run(small_graph, tmp_path).load()


@pytest.mark.parametrize(("stop", "accumulate"), [(3, 2), (8, 1)], ids=["within an accumulation", "at the last step"])
def test_a_stop_waits_for_the_step_and_ends_there(stop, accumulate, tmp_path, monkeypatch):
    options = [*SMALL_DIGITS, "--data.limit=512", f"--trainer.accumulate_grad_batches={accumulate}"]
    whole, stopped = (Run(parse_recipe("simclr-digits", options), tmp_path / name) for name in ("whole", "stopped"))
    whole.train()
    step, seen = SimCLR.training_step_loss, []

    def interrupted(self, batch):
        seen.append(batch)
        if len(seen) == stop:  # twice, as a terminal and a launcher may: it is one request
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(SimCLR, "training_step_loss", interrupted)
        with pytest.raises(TrainingInterrupted):
            stopped.train()
    assert len(seen) == stop + stop % accumulate
    assert stopped.train(stopped.checkpoint).step == 8 // accumulate
    assert equal(weights(whole), weights(stopped))
    assert (whole.folder / "metrics.csv").read_text() == (stopped.folder / "metrics.csv").read_text()


def test_a_second_request_ends_at_once(small_graph, tmp_path, monkeypatch):
    def interrupted(self, data):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)
        pytest.fail("the step went on")

    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(GRACE, "training_step_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Run(small_graph, tmp_path / "run").fit()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_an_interrupted_evaluation_says_how_to_go_on(small_graph, tmp_path, monkeypatch):
    run = Run(small_graph, tmp_path / "run")
    evaluate = NodeData.evaluate

    def interrupted(self, methods):
        os.kill(os.getpid(), signal.SIGINT)
        return evaluate(self, methods)

    with monkeypatch.context() as patch:
        patch.setattr(NodeData, "evaluate", interrupted)
        with pytest.raises(TrainingInterrupted) as stop:
            run.fit()
    assert stop.value.step == 3 and stop.value.path == run.checkpoint and run.result is None
    assert run.fit(run.checkpoint)["steps"] == 3


def test_processes_that_are_no_commands_are_refused(tmp_path):
    batches = ["--data.size=120", "--data.loader=gnnclr.node.RandomNodeLoader", "--data.loader.batch_size=20"]
    recipe = parse_recipe("grace-sbm", [*batches, "--trainer.devices=2", "--trainer.strategy=ddp_spawn"])
    with pytest.raises(RecipeError, match=r"'trainer.strategy' must be one that starts processes as commands"):
        Run(recipe, tmp_path).fit()
