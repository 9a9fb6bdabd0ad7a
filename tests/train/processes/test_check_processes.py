import pytest
import torch
from deterministic import GroupNormNet, ShiftedViews
from method_workers import METHODS

from gnnclr.configs import recipe_settings
from gnnclr.graph import AddKNNPositives
from gnnclr.losses import NTXentLoss
from gnnclr.nn import SelfAttentionMessagePassing
from gnnclr.train import Run, available_recipes, parse_recipe
from gnnclr.train.named_fields import parts
from gnnclr.train.processes.check_processes import own_samples_alone, say_what_is_contrasted
from gnnclr.vision import SAMPCLR, SimCLR

#: Whose positives and weights are made of the batch of a process, by a layer or by features.
OF_OWN_BATCH = ("rewire", "gnn", "attention", "selection")
#: Losses without pairs of samples, and that of MoCo, whose negatives are a queue of the keys of all.
NO_PAIRS = ("BYOL", "SimSiam", "MoCo")
SMALL = ["--model.method.encoder.widths=[4,8]", "--model.method.projector.in_features=8", "--trainer.accelerator=cpu"]


def test_what_is_said(capsys):
    for name, make in METHODS.items():
        alone = own_samples_alone(make(False))
        assert (alone is None) == (name in ("BYOL", "DirectPred", "SimSiam", "MoCo")), name
        assert own_samples_alone(make(True)) is None, name
    rewired = SimCLR(
        GroupNormNet(), torch.nn.Identity(), ShiftedViews(), NTXentLoss(gather_distributed=True), AddKNNPositives(1)
    )
    say_what_is_contrasted(rewired, 1)
    say_what_is_contrasted(rewired, 2)
    said = "each of the 2 processes compares its own samples alone: 'model.method.rewire' changes the graph of these\n"
    assert capsys.readouterr().out == said
    attentive = SAMPCLR(GroupNormNet(), SelfAttentionMessagePassing(8, heads=2), ShiftedViews())
    assert "'model.method.gnn' sends messages" in own_samples_alone(attentive)
    assert own_samples_alone(torch.nn.Linear(2, 2)) is None


def test_recipes_contrast_the_samples_of_all():
    """Of images, unless a part of the recipe looks at the batch of its process."""
    seen = 0
    for name in available_recipes():
        recipe = recipe_settings(name) if name.endswith("cifar10-cpu") else None
        if recipe is None or recipe["model"]["method"]["class_path"].rpartition(".")[2] in NO_PAIRS:
            continue
        fields = [part.fields for part in parts(recipe)]
        if any(values.get(key) is not None for values in fields for key in OF_OWN_BATCH):
            continue
        seen += 1
        assert recipe["model"]["method"]["init_args"]["loss"]["init_args"].get("gather_distributed"), name
    assert seen >= 8


@pytest.mark.parametrize("devices", [1, 2])
def test_batch_statistics_of_cpu_processes(devices, tmp_path):
    options = [*SMALL, "--trainer.sync_batchnorm=true", f"--trainer.devices={devices}", "--trainer.max_steps=1"]
    run = Run(parse_recipe("simclr-digits", options), tmp_path / "run")
    if devices == 1:
        assert run.train().step == 1  # one process has the statistics of its batch
        return
    match = r"'trainer\.sync_batchnorm' must be false on CPU processes.*GroupNorm.*chunk_size.*\(got true on 2"
    with pytest.raises(ValueError, match=match):
        run.fit()
    assert not (tmp_path / "run").exists()


@pytest.mark.cuda
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_batch_statistics_of_two_gpus(tmp_path):
    """Synchronized, the weights are those of one GPU that has the whole batch."""
    common = [
        "--data.global_batch_size=128",
        "--data.size=8",
        "--data.limit=512",
        "--trainer.accelerator=gpu",
        "--trainer.max_epochs=1",
        "--model.method.encoder=gnnclr.vision.SlimResNet",
        "--model.method.encoder.widths=[4,8]",
        "--model.method.encoder.in_channels=1",
        "--model.method.projector.in_features=8",
        "--model.method.views=deterministic.ShiftedViews",
    ]
    states = []
    for number, sync in ((1, "false"), (2, "true"), (2, "false")):
        options = [*common, f"--trainer.devices={number}", f"--trainer.sync_batchnorm={sync}"]
        run = Run(parse_recipe("simclr-digits", options), tmp_path / f"{number}-{sync}")
        run.train()
        states.append(torch.load(run.checkpoint, weights_only=True)["state_dict"])
    one, synced, apart = states
    for name, value in one.items():
        torch.testing.assert_close(value, synced[name], atol=1e-4, rtol=1e-4)
    assert any(float((value - apart[name]).abs().max()) > 1e-3 for name, value in one.items())
