import shutil

import pytest
import torch

from gnnclr.cli import main
from gnnclr.train import AtomicCheckpointIO, RecipeError, Run, Seeds, parse_recipe
from gnnclr.train.checkpoint import read_checkpoint
from gnnclr.train.recipe_record import KEY

SMALL = ["--trainer.max_epochs=2", "--trainer.log_every_n_steps=1", "--trainer.accelerator=cpu"]
MORE = ["--trainer.max_epochs=3"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = Run(parse_recipe("grace-sbm", SMALL), tmp_path_factory.mktemp("run"))
    run.fit()
    return run.folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def zero_bytes(path, count=64):
    """Overwrites some bytes of the largest weight."""
    weights = torch.load(path, weights_only=True)["state_dict"].values()
    largest = max(weights, key=lambda weight: weight.numel()).numpy().tobytes()
    data = bytearray(path.read_bytes())
    start = data.index(largest[:256]) + 512
    assert any(data[start : start + count])
    data[start : start + count] = bytes(count)
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-2000])


def change(path, how):
    parts = torch.load(path, weights_only=True)
    how(parts)
    torch.save(parts, path)


def whole(state):
    return {name: value.long() for name, value in state.items()}


DAMAGE = {
    "zeroed bytes": (zero_bytes, "the checksum of its part '(last|archive)/data/[0-9]+' is wrong"),
    "cut": (cut, "BadZipFile: File is not a zip file"),
    "empty": (lambda path: path.write_bytes(b""), "BadZipFile"),
    "text": (lambda path: path.write_text("no checkpoint"), "BadZipFile"),
    "other contents": (lambda path: torch.save({"x": 1}, path), "must be a checkpoint of a run .*without state_dict"),
    "a list": (lambda path: torch.save([1], path), "must be a checkpoint of a run"),
    "text as weights": (
        lambda path: change(path, lambda parts: parts.update(state_dict="x")),
        "must be a checkpoint of a run .*as state_dict",
    ),
    "NaN": (
        lambda path: change(path, lambda parts: next(iter(parts["state_dict"].values())).fill_(torch.nan)),
        "must be a checkpoint with finite weights .*NaN or infinite entries in 'method",
    ),
    "whole numbers": (
        lambda path: change(path, lambda parts: parts.update(state_dict=whole(parts["state_dict"]))),
        r"must be a checkpoint with torch.float32 as 'method.* \(got torch.int64\)",
    ),
    "an object": (lambda path: torch.save({"state_dict": torch.nn.ReLU()}, path), "GLOBAL torch.nn.modules"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_wherever_a_checkpoint_is_read(damage, folder, capsys, monkeypatch):
    do, message = DAMAGE[damage]
    path = folder / "checkpoints" / "last.ckpt"
    do(path)
    monkeypatch.chdir(folder.parent)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(RecipeError, match=message):
        Run.open(folder).load()
    commands = [["fit", f"--ckpt_path={path}", *MORE], ["evaluate", f"--run={folder}"], ["embed", f"--run={folder}"]]
    for arguments in commands if damage in ("zeroed bytes", "NaN") else commands[:1]:
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert f"'{path}' must be " in error and "take another checkpoint, or train anew" in error
        assert len(error.splitlines()) == 1
    assert before == {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(RecipeError, match=r"there is no checkpoint '.*': it must be a file \(got a folder\)"):
        read_checkpoint(tmp_path)
    with pytest.raises(RecipeError, match=r"there is no checkpoint '.*none': it must be a file \(got nothing there\)"):
        read_checkpoint(tmp_path / "none")


@pytest.mark.parametrize(
    ("recipe", "overrides", "message"),
    [
        ("grace-knn-sbm", [], r"'model.method.rewire' must be none, .* \(got gnnclr.graph.AddKNNPositives\)"),
        (
            "grace-sbm",
            ["--model.method.loss.temperature=0.4"],
            r"'model.method.loss.temperature' must be 0.5, .*got 0.4",
        ),
        (
            "grace-sbm",
            ["--model.method.loss=gnnclr.losses.DCLLoss"],
            r"'model.method.loss' must be .*NTXentLoss, .*DCLLoss",
        ),
        ("grace-sbm", ["--model.optimizer.lr=0.1"], r"'model.optimizer.lr' must be 0.002, .* \(got 0.1\)"),
        ("grace-sbm", ["--data.dataset=sparse_sbm"], r"'data.dataset' must be sbm, .* \(got sparse_sbm\)"),
        (
            "grace-sbm",
            ["--model.method.encoder.hidden_channels=64"],
            r"'model.method.encoder.hidden_channels' must be 128, .* \(got 64\)",
        ),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused(recipe, overrides, message, folder, tmp_path):
    run = Run(parse_recipe(recipe, [*SMALL, *MORE, *overrides]), tmp_path / "other")
    with pytest.raises(RecipeError, match=rf"is a checkpoint of another recipe: {message}"):
        run.fit(folder / "checkpoints" / "last.ckpt")
    assert not (tmp_path / "other" / "config.yaml").exists()


def test_an_encoder_of_another_recipe_is_not_evaluated(folder, capsys):
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("temperature: 0.5", "temperature: 0.4"))
    for arguments in (["evaluate", f"--run={folder}"], ["embed", f"--run={folder}"]):
        assert main(arguments) == 2
        assert "of another recipe: 'model.method.loss.temperature' must be 0.5" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["loops", "optimizer_states", "lr_schedulers"])
def test_weights_alone_are_not_gone_on_with(part, folder):
    path = folder / "checkpoints" / "last.ckpt"
    change(path, lambda parts: parts.pop(part))
    with pytest.raises(RecipeError, match=rf"must be a checkpoint of a run \(got a file without {part}\)"):
        Run.open(folder, MORE).fit(path)


def test_the_training_and_places_may_differ(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("gnnclr.train.contrastive_data.evaluate_features", lambda *args: {})
    overrides = [*MORE, "--data.root=elsewhere", "--checkpoint.every_n_epochs=1", "--trainer.gradient_clip_val=9"]
    run = Run(parse_recipe("grace-sbm", [*SMALL, *overrides]), tmp_path / "other")
    assert run.fit(folder / "checkpoints" / "last.ckpt")["steps"] == 3


def test_a_checkpoint_of_before_is_taken_with_a_message(folder, capsys, monkeypatch):
    monkeypatch.setattr("gnnclr.train.contrastive_data.evaluate_features", lambda *args: {})
    path = folder / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    assert set(checkpoint[KEY]) == {"model", "data"}
    del checkpoint[KEY]
    torch.save(checkpoint, path)
    assert Run.open(folder, MORE).fit(path)["steps"] == 3
    assert f"'{path}' was written by an earlier version and does not say which recipe" in capsys.readouterr().err
    checkpoint["state_dict"] = {name: value[:1] for name, value in checkpoint["state_dict"].items()}
    torch.save(checkpoint, path)
    with pytest.raises(RecipeError, match=r"whose weights do not fit: '.*' must have shape \[.*\] \(got \[1"):
        Run.open(folder, MORE).fit(path)


@pytest.mark.parametrize("text", ['{"seed": 0, "test": {', "[]", "{}"])
def test_torn_results_are_named_and_can_be_made_anew(text, folder, tmp_path):
    good = Run.open(folder).result
    (folder / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"metrics.json' must be .* make it anew with: gnnclr evaluate --run"):
        _ = Run.open(folder).result
    shutil.copytree(folder, tmp_path / "seeds" / "seed-0")
    with pytest.raises(ValueError, match=r"seed-0/metrics.json' must be the undamaged results of a run"):
        Seeds(parse_recipe("grace-sbm", SMALL), tmp_path / "seeds").evaluate(1)
    Run.open(folder).evaluate()
    assert Run.open(folder).result["test"] == good["test"]


def test_a_torn_config_is_named(folder):
    config = folder / "config.yaml"
    text = config.read_text()
    config.write_text(text[: text.index("\ntrainer:") + 1])  # YAML, without what it says of the training
    with pytest.raises(RecipeError, match=r"config.yaml' must hold all settings of a run \(got none of trainer, check"):
        Run.open(folder)
    config.write_text(text[:200])
    with pytest.raises(RecipeError, match=r"config.yaml"):
        Run.open(folder)
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"config.yaml' must hold the settings of a recipe as YAML"):
        Run.open(folder)


def test_round_trip(tmp_path):
    path = tmp_path / "folder" / "last.ckpt"
    io = AtomicCheckpointIO()
    io.save_checkpoint({"x": torch.arange(3), "step": 4}, path)
    loaded = io.load_checkpoint(path)
    assert loaded["step"] == 4 and torch.equal(loaded["x"], torch.arange(3))
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    io = AtomicCheckpointIO()
    io.save_checkpoint({"step": 1}, path)
    with pytest.raises(AttributeError):
        io.save_checkpoint({"step": 2, "bad": lambda: None}, path)
    assert io.load_checkpoint(path) == {"step": 1}


def test_refuses_pickled_objects(tmp_path):
    torch.save({"x": torch.nn.Linear(1, 1)}, tmp_path / "bad.ckpt")
    with pytest.raises(RecipeError, match=r"'.*bad.ckpt' must be an undamaged checkpoint .*GLOBAL torch\.nn\.modules"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "bad.ckpt")
