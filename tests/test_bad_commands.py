"""A wrong command ends with status 2 and a line or two that name what is wrong, whichever library finds it."""

import errno
import os
import re
from pathlib import Path

import pytest
import torch

from gnnclr.cli import main

GRAPH = ["fit", "--config=grace-sbm", "--out=run", "--trainer.accelerator=cpu"]
IMAGES = ["fit", "--config=simclr-digits", "--out=run", "--trainer.accelerator=cpu"]
#: Overrides of a recipe, and what the message says: the field, what it must be, and what came.
OF_GRAPHS = {
    "--trainer.max_epochs=-5": "'trainer.max_epochs' cannot be -5: .* non-negative integer",
    "--trainer.max_epochs=many": r"'trainer.max_epochs' must be an integer or null \(got many\)",
    "--trainer.max_epochs": "'--trainer.max_epochs' needs a value",
    "--trainer.max_steps=-3": "'trainer.max_steps' cannot be -3",
    "--trainer.max_steps=0": r"'trainer.max_steps' must not be zero, .* \(got 0\)",
    "--trainer.devices=0": "'trainer.devices' cannot be '?0",
    "--trainer.accelerator=abacus": r"'trainer.accelerator' must be one of .* \(got 'abacus'\)",
    "--trainer.accelerator=tpu": r"'trainer.accelerator' must be one that this machine has: auto, cpu.* \(got 'tpu'\)",
    "--trainer.precision=bf16-true": r"'trainer.precision' must be one of .* \(got 'bf16-true'\)",
    "--trainer.precision=half": r"'trainer.precision' must be .* \(got half\)",
    "--trainer.log_every_n_steps=0": r"'trainer.log_every_n_steps' must be a positive integer or None \(got int 0\)",
    "--trainer.limit_train_batches=0": "'trainer.limit_train_batches' must not be zero",
    "--trainer.gradient_clip_val=-1": r"'trainer.gradient_clip_val' must not be negative \(got -1.0\)",
    "--trainer.detect_anomaly=maybe": r"'trainer.detect_anomaly' must be true or false \(got maybe\)",
    "--checkpoint.every_n_epochs=-3": "'checkpoint.every_n_epochs' cannot be -3",
    "--seed_everything=-1": r"'seed_everything' must be an integer from 0 to 2\^32 - 1 \(got int -1\)",
    "--model.method.loss.temperature=-1": r"'model.method.loss.temperature' must be a positive .* \(got float -1.0\)",
    "--model.method.loss.temperature=abc": r"'model.method.loss.temperature' must be a number .* \(got abc\)",
    "--model.method.loss=gnnclr.losses.NTXent": "'model.method.loss' must be a class .*'gnnclr.losses.NTXent'",
    "--model.method.loss=torch.nn.Linear": "'model.method.loss' needs the fields in_features, out_features",
    "--model.method.encoder=Nothing": r"'model.method.encoder' must be the import path of a class \(got Nothing\)",
    "--model.method.encoder.in_channels=-2": "'model.method.encoder.in_channels' must be a positive integer",
    "--model.method.encoder.out_channels=32": r"'model.method.projector' must take the 32 features .* takes 64\)",
    "--model.method.projector.channel_list=[32,64]": r"'model.method.projector' must take the 64 .* takes 32\)",
    "--model.method.projector.channel_list=[a]": r"'model.method.projector.channel_list' must be a list with an int",
    "--model.method.loss.temperature=true": r"temperature' must be a number or .* \(got true\)",
    "--model.method=null": r"'model.method' must be a Module \(got None\)",
    "--model.method.projector.channel_list=[0,0]": "'model.method.projector.lins.0' must have positive widths",
    "--trainer=null": r"'trainer' must be fields and their values \(got null\)",
    "--trainer.max_time=-1": r"'trainer.max_time' must be DD:HH:MM:SS \(got '-1'\)",
    "--data.size=60": r"'data.size' must be larger, or there is no node for the test \(got 60\)",
    "--model.optimizer.lr=-1": "'model.optimizer.lr' must fit AdamW .*Invalid learning rate: -1.0",
    "--model.optimizer=gnnclr.node.GRACE": r"'model.optimizer' must be an Optimizer \(got gnnclr.node.GRACE\)",
    "--model.warmup_steps=-1": r"'model.warmup_steps' must be an integer, zero or more \(got int -1\)",
    "--data=gnnclr.node.GRACE": r"'data' must be a ContrastiveData or null \(got gnnclr.node.GRACE\)",
    "--data.size=-4": r"'data.size' must be a positive integer \(got int -4\)",
    "--data.dataset=nope": r"'data.dataset' must be one of .* \(got 'nope'\)",
    "--data.dataset=nope.pt": r"'data.dataset' must be the name of a data set or an existing file \(got 'nope.pt'\)",
    "--data.root": "'--data.root' needs a value",
    "nothing": "unknown option 'nothing'",
}
OF_IMAGES = {
    "--data.batch_size=abc": r"'data.batch_size' must be an integer or null \(got abc\)",
    "--data.batch_size=0": r"'data.batch_size' must be an integer of at least 2 \(got int 0\)",
    "--data.batch_size=100000": r"'data.batch_size' must be at most the 1347 images \(got 100000\)",
    "--data.global_batch_size=1": r"'data.global_batch_size' must be an integer of at least 2 \(got int 1\)",
    "--data.global_batch_size=3000": r"'data.global_batch_size' must be at most the 1347 images \(got 3000\)",
    "--model.method=gnnclr.node.GRACE": r"'model.method' must take images, which 'data' are \(got GRACE\)",
    "--model.method.views=[]": r"'model.method.views' must be a Views \(got \[\]\)",
    "--data.size=3": r"'data.size' must be an integer of at least 8 \(got int 3\)",
    "--data.dataset=folder": r"'data.dataset' must be one that fits into memory \(got 'folder'\): take a recipe for",
    "--config=simclr-folder": r"'data.root' must be the folder with the photos \(got none\)",
    "--config=simclr-folder --data.broken=mend": r"'data.broken' must be one of 'skip', 'refuse' \(got 'mend'\)",
    "--model.method.encoder.widths=[0,4]": r"'model.method.encoder.widths' must be positive integers",
    "--model.method.projector.in_features=32": r"'model.method.projector' must take the 64 .* takes 32\)",
}
OTHERS = {
    "fit --config": "--config: expected one argument",
    "fit --config=": r"--config: must be a path \(got ''\)",
    "fit --config=./folder": r"'config' must be the name of a recipe or a YAML file \(got 'folder', a folder\)",
    "fit --config=none.yaml": "'config' must be .*none.yaml', which does not exist",
    "fit --config=list.yaml": r"'list.yaml' must hold the settings of a recipe .* \(got \[1\]\)",
    "fit --config=torn.yaml": r"'torn.yaml' must hold .* as YAML .* line 2",
    "fit --config=folder": "folder: the fields model.method are required",  # a layer of data
    "fit --config=circle.yaml": "'model' must not hold itself, .* by aliases",
    "fit --config=number.yaml": r"'trainer' must be fields and their values \(got 3\)",
    "fit --config=key.yaml": r"fields must have names \(got 'model.3'\)",
    "fit --config=path.yaml": r"'model.method.class_path' must be the import path of a class \(got 3\)",
    "fit --config=seed.yaml": "the seed of the data is the seed of the run",
    "fit --config=grace-sbm --print_config --trainer.max_epochs=x": "'trainer.max_epochs' must be an integer or null",
    "fit --config=GRACE-SBM": "did you mean 'grace-sbm'",
    "--nope": "unknown option '--nope'",
    "evaluate --config=grace-sbm --seed_everything=3": "'--seed_everything' goes with fit",
    "fit --config=other.yaml": "other.yaml: unknown field 'foo'",
    "fit --config=part.yaml": "part.yaml: the fields model.method, data are required",
    "fit --config=grace-sbm --out=": r"--out: must be a path \(got ''\)",
    "fit --config=grace-sbm --out=file": "'file' cannot be used: it is a file where a folder is expected",
    "fit --ckpt_path=folder": "there is no checkpoint 'folder'; it is a folder",
    "fit --ckpt_path=file": r"'--ckpt_path' must be FOLDER/checkpoints/FILE of a run, .* \(got file\)",
    "fit --config=grace-sbm --ckpt_path=file": "'file' must be an undamaged checkpoint",
    "evaluate --config=grace-sbm --seeds 0": r"'seeds' must be at least 1 \(got 0\)",
    "evaluate --config=grace-sbm --seeds=abc": "--seeds: invalid int value: 'abc'",
    "embed --run=folder": "folder is not the folder of a run",
    "export --run=folder --format=onnx --output=x": "folder is not the folder of a run",
    "export --run=folder --format=onnx": "arguments are required: --output",
    "embed": "arguments are required: --run",
    "report": "arguments are required: RUN",
    "report folder": r"'folder' must be the folder of a run, or of runs \(a folder without config.yaml is there\)",
    "report nowhere": r"'nowhere' must be the folder of a run, or of runs \(nothing is there\)",
    "report folder --output=folder": r"'--output' must be a file \(got the folder 'folder'\)",
    "demo --seed=-1": r"'seed_everything' must be an integer from 0 to",
    "demo --out=file": "a part of it is a file where a folder is expected",
}


pytestmark = pytest.mark.usefixtures("quick_probes")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    texts = {
        "list": "- 1\n",
        "empty": "",
        "torn": "model: {method: [1,\n",
        "other": "foo: 1\n",
        "part": "tensorboard: true",
        "circle": "base: grace-sbm\nmodel: &m {method: *m}\n",
        "number": "base: grace-sbm\ntrainer: 3\n",
        "key": "model: {3: 4}\n",
        "path": "base: grace-sbm\nmodel: {method: {class_path: 3}}\n",
        "seed": "base: grace-sbm\ndata: {init_args: {seed: 3}}\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "bytes.yaml").write_bytes(bytes(range(128, 200)))
    return tmp_path


def said(arguments, capsys, status=2):
    assert main(arguments) == status
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert lines[0].startswith("gnnclr: error: ") and len(lines) <= 2 and captured.out == ""
    assert not re.search("Traceback|Union|subtypes|<class '|Parser key|Namespace", captured.err)
    return captured.err


COMMANDS = {
    **{text: ([*GRAPH, text], message) for text, message in OF_GRAPHS.items()},
    **{f"images {text}": ([*IMAGES, *text.split()], message) for text, message in OF_IMAGES.items()},
    **{text: (text.split(), message) for text, message in OTHERS.items()},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_command_names_what_is_wrong(command, folder, capsys):
    arguments, message = COMMANDS[command]
    assert re.search(message, said(arguments, capsys))
    assert not (folder / "run" / "config.yaml").exists(), "wrong settings leave no run"


@pytest.mark.parametrize("out", [["--out=run"], []])
def test_a_first_step_that_fails_leaves_no_run(out, folder, capsys):
    arguments = ["fit", "--config=grace-sbm", *out, "--trainer.accelerator=cpu", "--model.method.encoder=torch.nn.ReLU"]
    assert main(arguments) == 1
    assert "ReLU" in capsys.readouterr().err
    assert not (folder / "run").exists() and not (folder / "runs").exists()


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
def test_an_accelerator_that_is_not_there(capsys):
    assert "'trainer.accelerator' must be one that this machine has: auto, cpu (got 'gpu')" in said(
        [*GRAPH, "--trainer.accelerator=gpu"], capsys
    )


@pytest.mark.parametrize("text", ["~/graphs", "$PLACE/graphs"])
def test_paths_are_those_that_a_shell_would_open(text, folder, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PLACE", str(folder))
    (folder / "graphs" / "multiplex").mkdir(parents=True)
    (folder / "graphs" / "multiplex" / "acm.npz").write_bytes(b"damaged")
    for name in ("multiplex-acm", "grace-cora"):
        arguments = ["fit", f"--config={name}", f"--data.root={text}", "--data.dataset=acm", "--out=run"]
        assert f"'{folder}/graphs/multiplex/acm.npz' must be complete" in said(arguments, capsys)
    assert f"'{folder}/graphs' cannot be used" not in said(
        [*IMAGES, "--data.dataset=cifar10", f"--data.root={text}"], capsys
    )
    for arguments in (["evaluate", f"--run={text}"], ["embed", f"--run={text}"]):
        assert f"{folder}/graphs is not the folder of a run" in said(arguments, capsys)
    assert f"there is no checkpoint '{folder}/graphs/x'" in said(["fit", f"--ckpt_path={text}/x"], capsys)
    assert f"(got '{folder}/graphs', a folder)" in said(["fit", f"--config={text}"], capsys)


def test_what_no_check_foresaw_says_where_its_traceback_is(folder, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("gnnclr.commands.listing", lambda *args: {}["missing"])
    error = said(["list"], capsys, status=1)
    path = re.search(r"KeyError: 'missing'\nThis error is unexpected: its traceback is in (\S+);", error)[1]
    assert "Traceback" in Path(path).read_text() and path.startswith(str(folder))
    monkeypatch.setenv("GNNCLR_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["list"])


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "no space is left"), (errno.EACCES, "permission is denied")]
)
@pytest.mark.parametrize("target", ["last.ckpt", "metrics.csv", "metrics.json", "config.yaml"])
def test_a_file_that_cannot_be_written_is_named(target, number, reason, folder, monkeypatch, capsys):
    monkeypatch.setattr("gnnclr.train.contrastive_data.evaluate_features", lambda *args: {})
    opened = Path.open

    def failing(path, mode="r", *args, **kwargs):
        file = opened(path, mode, *args, **kwargs)
        if target in path.name and mode != "r" and mode != "rb":
            file.close()
            raise OSError(number, os.strerror(number))
        return file

    monkeypatch.setattr(Path, "open", failing)
    assert main([*GRAPH, "--trainer.max_epochs=1"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.search(rf"gnnclr: error: '.*{target}' cannot be used: {reason}", error)
    assert not list(folder.rglob("*.part"))
