"""A run that is killed at any time and resumed ends with the weights of a run that was not."""

import os
import signal

import forked
import pytest
import torch

from gnnclr.train import Run, parse_recipe, read_metrics
from gnnclr.train.checkpoint import AtomicCheckpointIO

COMMON = [
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=6",
    "--trainer.log_every_n_steps=2",
    "--checkpoint.every_n_epochs=null",
    "--checkpoint.every_n_train_steps=7",
]
DIGITS = [
    "--data.batch_size=128",
    "--data.size=8",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--model.method.projector.hidden_features=8",
    "--model.method.projector.out_features=8",
    "--model.method.rewire.bank.dim=8",
    "--model.method.rewire.bank.size=300",
]
COMMUNITIES = [
    "--data.dataset=sparse_sbm",
    "--data.size=4000",
    "--data.probed=50",
    "--data.loader.batch_size=400",
    "--data.loader.community.resolution=2",
]


def fit(*arguments):
    # Sums in another order round otherwise, so that both runs use one thread.
    return forked.Forked(forked.gnnclr, "fit", *arguments, environment=os.environ | {"OMP_NUM_THREADS": "1"})


def load(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize(
    ("name", "overrides", "has_bank"),
    [("simclr-knn-digits", DIGITS, True), ("grace-communities-arxiv", COMMUNITIES, False)],
    ids=["feature bank", "subgraphs"],
)
def test_sigkill_in_mid_epoch(name, overrides, has_bank, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [f"--config={name}", *overrides, *COMMON]
    victim, last = fit(*command, f"--out={killed}"), killed / "checkpoints" / "last.ckpt"
    forked.wait_for(lambda: last.exists() and load(killed)["global_step"] >= 14, victim)
    victim.send_signal(signal.SIGKILL)
    victim.finish(-signal.SIGKILL)
    step = load(killed)["global_step"]
    assert 14 <= step < 60 and step % 10, "the run ended, or stopped between epochs, before it was killed"
    resumed = fit(f"--ckpt_path={last}")
    fit(*command, f"--out={whole}").finish()
    resumed.finish()

    a, b = load(whole), load(killed)
    assert a["global_step"] == b["global_step"] == 60
    assert any("bank" in key for key in a["state_dict"]) == has_bank
    for key, value in a["state_dict"].items():
        assert torch.equal(value, b["state_dict"][key]), key
    for key, state in a["optimizer_states"][0]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, b["optimizer_states"][0]["state"][key][name]), name
    assert (whole / "metrics.csv").read_text() == (killed / "metrics.csv").read_text()


@pytest.mark.parametrize(
    "saving",
    [["--checkpoint.every_n_epochs=null", "--checkpoint.every_n_train_steps=3"], ["--checkpoint.every_n_epochs=1"]],
    ids=["steps", "epochs"],
)
def test_lines_are_written_before_the_checkpoint_that_goes_on_behind_them(saving, tmp_path, monkeypatch):
    short = ["--trainer.max_epochs=2", "--trainer.log_every_n_steps=1", "--watch.every_n_epochs=1"]
    run = Run(parse_recipe("simclr-digits", [*DIGITS[:5], *COMMON[:1], *short, *saving]), tmp_path)
    save, at_saves = AtomicCheckpointIO.save_checkpoint, []

    def watched(self, checkpoint, path, storage_options=None):
        at_saves.append((checkpoint["global_step"], read_metrics(tmp_path / "metrics.csv")))
        return save(self, checkpoint, path, storage_options)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", watched)
    run.fit()
    lines = read_metrics(tmp_path / "metrics.csv")
    assert [("loss" in line, "val_knn" in line) for line in lines] == 2 * ([(True, False)] * 10 + [(False, True)])
    assert len(at_saves) >= 2
    for step, written in at_saves:
        assert written == lines[: len(written)] and sum("loss" in line for line in written) == step
        assert "epochs=1" not in saving[-1] or "val_knn" in written[-1]
