"""A run that is killed at any time and resumed ends with the weights of a run that was not."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

COMMON = [
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=10",
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


def gnnclr(*arguments):
    command = [sys.executable, "-m", "gnnclr.cli", "fit", *arguments]
    # Sums in another order round otherwise, so that both runs use one thread.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output


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
    victim = gnnclr(*command, f"--out={killed}")
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and victim.poll() is None:
        if (killed / "checkpoints" / "last.ckpt").exists() and load(killed)["global_step"] >= 14:
            break
        time.sleep(0.005)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    step = load(killed)["global_step"]
    assert 14 <= step < 100 and step % 10, "the run ended, or stopped between epochs, before it was killed"
    resumed = gnnclr(f"--ckpt_path={killed / 'checkpoints' / 'last.ckpt'}")
    finish(gnnclr(*command, f"--out={whole}"))
    finish(resumed)

    a, b = load(whole), load(killed)
    assert a["global_step"] == b["global_step"] == 100
    assert any("bank" in key for key in a["state_dict"]) == has_bank
    for key, value in a["state_dict"].items():
        assert torch.equal(value, b["state_dict"][key]), key
    for key, state in a["optimizer_states"][0]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, b["optimizer_states"][0]["state"][key][name]), name
    assert (whole / "metrics.csv").read_text() == (killed / "metrics.csv").read_text()
