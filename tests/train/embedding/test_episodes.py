import json

import pytest
import torch

from gnnclr.cli import main
from gnnclr.configs import RecipeError
from gnnclr.eval import PrototypeTuning, SupportTransport, few_shot
from gnnclr.train import Run, parse_recipe
from gnnclr.train.embedding import few_shot_episodes

MORE = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--data.batch_size=64", "--data.limit=128"]
KNOWN = "--data.train_classes=[0,1,2,3,4,5]"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few") / "run"
    run = Run(parse_recipe("samp-clr-digits", [*MORE, KNOWN]), folder)
    run.train()
    return run


def test_training_sees_the_named_classes_alone(run):
    _, _, data, _ = run.load()
    labels = data.training_labels()
    assert labels.unique().tolist() == [0, 1, 2, 3, 4, 5] and len(labels) == 128
    images, _ = data.training_images()
    every, of_all = data.images.unlabeled, torch.cat([data.images.train.labels, data.images.val.labels])
    rows = [int((every == image).flatten(1).all(dim=1).nonzero()[0]) for image in images[:20]]
    assert of_all[rows].tolist() == labels[:20].tolist()
    assert data.labels.unique().numel() == 10  # probes see all classes


def test_the_table_is_few_shot_on_the_other_classes(run):
    table = few_shot_episodes(run.folder, ways=4, shots=(1, 3), episodes=20)
    _, trained, data, _ = run.load()
    x, rows = data.embed(trained), data.labels > 5
    for name, k in (("1-shot", 1), ("3-shot", 3)):
        expected = few_shot(x[rows], data.labels[rows], ways=4, shots=k, episodes=20)
        assert table["trained"][name] == expected
        options = {"transport": SupportTransport(), "tuning": PrototypeTuning(), "transform": trained.eval().gnn.adapt}
        expected = few_shot(x[rows], data.labels[rows], ways=4, shots=k, episodes=20, **options)
        assert table["trained, messages, OpT-Tune"][name] == expected
    assert list(table)[:3] == ["raw", "untrained", "trained"] and len(table) == 8
    written = json.loads((run.folder / "few_shot.json").read_text())
    assert written["settings"] == {"ways": 4, "queries": 15, "episodes": 20, "seed": 0, "rows": int(rows.sum())}
    assert written["results"]["raw"]["1-shot"]["accuracy"] == table["raw"]["1-shot"].accuracy


def test_the_command(run, capsys):
    assert main(["few-shot", f"--run={run.folder}", "--ways=3", "--shots=2", "--episodes=10"]) == 0
    out = capsys.readouterr().out
    assert "3 ways" in out and "2-shot" in out and "over 10 episodes" in out
    for arguments, said in (
        (["--ways=5"], "'ways' must be an integer from 2 to the 4 classes"),
        (["--shots=x"], "must be whole numbers"),
        (["--ways=3", "--shots=500"], "rows of every class"),
    ):
        assert main(["few-shot", f"--run={run.folder}", *arguments]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "classes,message",
    [
        ("[0,x]", "name classes of the data, 0, 1, 2, .* 'x'"),
        ("[]", "be names of classes, each once"),
        ("[1,1]", "be names of classes, each once"),
    ],
)
def test_wrong_classes_are_refused(classes, message, tmp_path):
    with pytest.raises(ValueError, match=rf"'data\.train_classes' must {message}"):
        Run(parse_recipe("simclr-digits", [*MORE, f"--data.train_classes={classes}"]), tmp_path / "run").train()


def test_a_run_of_a_graph_is_refused(tmp_path):
    Run(parse_recipe("grace-sbm", ["--trainer.max_epochs=1", "--trainer.accelerator=cpu"]), tmp_path / "run").train()
    with pytest.raises(RecipeError, match="must be a run on images with labels"):
        few_shot_episodes(tmp_path / "run")
