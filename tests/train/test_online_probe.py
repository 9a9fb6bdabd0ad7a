from types import SimpleNamespace

import pytest
import torch
from photo_files import photo_folder

from gnnclr.eval import Split, knn_probe
from gnnclr.train import OnlineProbe, PhotoData, Run, parse_recipe, read_checkpoint, read_metrics
from gnnclr.train.contrastive_data import geometry_measures
from gnnclr.train.online_probe import validation_measures

SMALL = ["--trainer.accelerator=cpu", "--trainer.max_epochs=5"]
PROBED = ("val_knn", "val_linear")
MEASURED = ("val_uniformity", "val_effective_rank", "val_similarity")


def fit(folder, *overrides):
    run = Run(parse_recipe("grace-sbm", [*SMALL, *overrides]), folder)
    run._evaluate = lambda *args: {}
    run.fit()
    return run


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("watched"), "--watch.every_n_epochs=2")


def test_looks_come_every_so_often(watched):
    rows = [row for row in read_metrics(watched.folder / "metrics.csv") if "val_knn" in row]
    assert [row["epoch"] for row in rows] == [1, 3]
    assert all(set(row) >= {*PROBED, *MEASURED} for row in rows)
    assert all(0 <= row[name] <= 1 for row in rows for name in PROBED)


def test_a_look_changes_no_weight(watched, tmp_path):
    alone = read_checkpoint(fit(tmp_path).checkpoint)["state_dict"]
    seen = read_checkpoint(watched.checkpoint)["state_dict"]
    assert alone.keys() == seen.keys() and all(torch.equal(alone[name], seen[name]) for name in alone)


def test_what_is_logged_is_of_validation_examples(watched):
    _, method, data, _ = watched.load()
    z = data.embed(method)
    measures = validation_measures(z, data.labels, data.split)
    held_out = Split(data.split.train, data.split.val[:0], data.split.val)
    assert measures["knn"] == knn_probe(z, data.labels, held_out, k=(20,), votes=("similarity",)).test
    changed = z.clone()
    changed[data.split.test] = torch.randn_like(changed[data.split.test])
    assert validation_measures(changed, data.labels, data.split) == measures


def test_geometry_alone_without_labels():
    z = torch.randn(50, 8)
    assert set(validation_measures(z, None, None)) == {"uniformity", "effective_rank", "similarity"}
    split = Split(torch.arange(30), torch.arange(30, 40), torch.arange(40, 50))
    several = torch.randint(2, (50, 3))
    assert set(validation_measures(z, several, split)) == {"uniformity", "effective_rank", "similarity"}
    without = Split(split.train, split.val[:0], split.test)
    assert validation_measures(z, several, without) == validation_measures(z[:30], None, None)


@pytest.mark.parametrize(("folders", "expected"), [(("train", "val", "test"), "val/"), (("train", "test"), "train/")])
def test_photos_without_labels_are_watched_and_those_of_the_test_are_not(
    folders, expected, watched, tmp_path, monkeypatch
):
    photo_folder(tmp_path, 12, folders, kinds=False)
    data = PhotoData(tmp_path, size=8, workers=0)
    data.setup("fit")
    assert data.split is None
    z = torch.arange(12.0)[:, None] * torch.tensor([[1.0, -1.0]]) + torch.tensor([[3.0, 20.0]])
    rows = torch.tensor([name.startswith(expected) for name in data.names])
    logged = []
    module = watched.build().model
    monkeypatch.setattr(module, "log_dict", lambda measures, **options: logged.append(measures))
    data.embed = lambda method: z
    OnlineProbe(every_n_epochs=1).on_train_epoch_end(
        SimpleNamespace(current_epoch=0, is_global_zero=True, is_last_batch=True, datamodule=data), module
    )
    assert logged == [{f"val_{name}": value for name, value in geometry_measures(z[rows]).items()}]


def test_a_collapse_is_said_once(watched, monkeypatch, capsys):
    _, _, data, _ = watched.load()
    monkeypatch.setattr(data, "embed", lambda method: torch.ones(data.labels.numel(), 4))
    module = watched.build().model
    logged = []
    monkeypatch.setattr(module, "log_dict", lambda measures, **options: logged.append(measures))
    probe = OnlineProbe(every_n_epochs=1)
    for epoch in range(3):
        trainer = SimpleNamespace(current_epoch=epoch, is_global_zero=True, is_last_batch=True, datamodule=data)
        probe.on_train_epoch_end(trainer, module)
    error = capsys.readouterr().err
    assert error.count("features collapse") == 1 and "after epoch 1;" in error and len(logged) == 3


@pytest.mark.parametrize("value", [-1, 1.5, True])
def test_epochs_are_counted(value):
    with pytest.raises(ValueError, match=r"'watch\.every_n_epochs' must"):
        OnlineProbe(every_n_epochs=value)
