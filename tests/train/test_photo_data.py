import json
import os
from pathlib import Path

import pytest
import torch
import yaml
from photo_files import photo_folder, save

import gnnclr
from gnnclr.graph.batches import SpectralBatches
from gnnclr.train import PhotoData, Run, parse_recipe
from gnnclr.train.embedding import embed_run
from gnnclr.vision import (
    SAMPCLR,
    BatchViews,
    CentralSquare,
    GrowingViews,
    MappedPhotos,
    MLPHead,
    MultiCropViews,
    PhotoFolder,
    SimCLR,
    SlimResNet,
    Textures,
    decode_photo,
)
from gnnclr.vision.photos.decode import PhotoTooLarge
from gnnclr.vision.photos.reader import read_squares

SMALL = [
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=1",
    "--data.size=16",
    "--data.workers=0",
    "--model.method.views.size=16",
    "--model.method.encoder=gnnclr.vision.SlimResNet",
    "--model.method.encoder.widths=[8,16]",
    "--model.method.projector.in_features=16",
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))


def make_data(root, **options):
    data = PhotoData(str(root), **{"size": 16, "batch_size": 4, "workers": 0, **options})
    data.setup("fit")
    return data


def method(views=2):
    torch.manual_seed(0)
    return SimCLR(SlimResNet((8, 16)), MLPHead(16, 8, 4), BatchViews(12, views, mean=0.5, std=0.2))


def fit(root, folder, *overrides, name="simclr-folder"):
    return Run(parse_recipe(name, [*SMALL, f"--data.root={root}", *overrides]), folder)


@pytest.mark.parametrize("name", ["simclr", "simclr-cpu", "images/simclr"])
def test_photos_bring_their_own_reader_and_network(name):
    recipe = parse_recipe(name, ["--data.dataset=folder", "--data.root=x"])
    assert recipe == parse_recipe("simclr-folder", ["--data.root=x"])
    assert recipe.data.class_path == "gnnclr.train.PhotoData" and recipe.data.init_args.size == 128
    assert recipe.model.method.init_args.encoder.init_args.stem == "imagenet"
    large = parse_recipe("simclr-gpu", ["--data.dataset", "folder", "--data.root=x"])
    assert large == parse_recipe("simclr-folder-gpu", ["--data.root=x"]) and large.data.init_args.size == 224
    with pytest.raises(ValueError, match="take a recipe for photos, such as simclr-folder"):
        Run(parse_recipe("simclr-digits", ["--data.dataset=folder", "--data.root=x"]), "none").build()


def test_a_flat_folder_without_labels_is_trained_on(tmp_path, capsys):
    names = photo_folder(tmp_path / "photos", 21)
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no image")
    run = fit(tmp_path / "photos", tmp_path / "run", "--data.dataset=folder", name="simclr")
    result = run.fit()
    assert result["test"] == {} and result["steps"] == 1
    assert set(result["geometry"]) == {"untrained", "trained"}
    assert set(result["geometry"]["trained"]) == {"uniformity", "effective_rank", "similarity"}
    out = capsys.readouterr().out
    assert f"21 photos in '{tmp_path / 'photos'}'" not in out  # the broken one is among what was found
    assert f"22 photos in '{tmp_path / 'photos'}'; passed over 1 broken, named in broken.txt of the run" in out
    assert "batches have 21 photos, as there are no more ('data.batch_size' is 64)" in out
    assert (run.folder / "broken.txt").read_text() == "bad.jpg\tgot a file that is no image\n"
    settings = yaml.safe_load((run.folder / "config.yaml").read_text())
    views = settings["model"]["method"]["init_args"]["views"]["init_args"]
    assert settings["data"]["init_args"]["size"] == views["size"] == 16
    assert len(views["mean"]) == len(views["std"]) == 3 and 0.3 < views["mean"][0] < 0.7  # measured
    arrays = embed_run(run.folder)
    assert list(arrays) == ["z", "name"]  # labels are none
    assert arrays["name"].tolist() == sorted(names) and arrays["z"].shape == (21, 16)
    with torch.no_grad():
        z = gnnclr.load(run.folder)([tmp_path / "photos" / name for name in sorted(names)])
    torch.testing.assert_close(torch.from_numpy(arrays["z"]), z)


def test_folders_of_classes_are_probed(tmp_path, capsys):
    photo_folder(tmp_path / "photos", 40, ("cat", "dog"), kinds=False)
    run = fit(tmp_path / "photos", tmp_path / "run", "--data.batch_size=16")
    result = run.fit()
    assert set(result["test"]) == {"raw", "untrained", "trained"} and "geometry" not in result
    assert "40 photos of 2 classes" in capsys.readouterr().out and not (run.folder / "broken.txt").exists()
    data = make_data(tmp_path / "photos")
    assert [len(part) for part in (data.split.train, data.split.val, data.split.test)] == [32, 4, 4]
    rows = data.rows[data._train]
    assert len(rows) == 36 and not torch.isin(data.split.test, rows).any()
    assert make_data(tmp_path / "photos", classes=False).split is None
    assert json.loads((run.folder / "metrics.json").read_text())["test"] == result["test"]
    arrays = embed_run(run.folder)
    assert [arrays["classes"][y] for y in arrays["y"]] == [Path(name).parts[0] for name in arrays["name"]]
    run.fit(run.checkpoint)
    assert "has had all of its 1 epochs and is evaluated alone" in capsys.readouterr().out


def test_some_classes_are_trained_on(tmp_path):
    for name in ("cat", "dog", "owl"):
        for k in range(6):
            save(tmp_path / "photos" / name / f"{k}.png", seed=k)
    data = make_data(tmp_path / "photos", train_classes=["owl", "cat"])
    data.setup("fit")
    assert data.training_labels().unique().tolist() == [0, 2] and set(data.labels.tolist()) == {0, 1, 2}
    for wrong in (["bear"], ["cat", "cat"]):
        with pytest.raises(ValueError, match=r"'data\.train_classes' must"):
            make_data(tmp_path / "photos", train_classes=wrong).setup("fit")


def test_parts_are_folders(tmp_path, capsys):
    photo_folder(tmp_path, 40, ("train/a", "train/b", "val/a", "val/b", "test/a", "test/b", "train"), kinds=False)
    data = make_data(tmp_path)
    part = [data.names[i].split("/")[0] for i in data.rows[data._train].tolist()]
    assert set(part) == {"train", "val"}
    assert {data.names[i].split("/")[0] for i in data.split.test.tolist()} == {"test"}
    assert "no label: left out of splits and probes" in capsys.readouterr().out
    supervised = make_data(tmp_path, labels=True)
    assert all("train/" in data.names[i] for i in supervised._train.tolist())
    batch = next(iter(supervised.batches()))
    assert (
        torch.equal(batch["label"], supervised.labels[supervised._train][batch["index"]]) and batch["label"].min() >= 0
    )


def test_few_labels(tmp_path, capsys):
    photo_folder(tmp_path, 4, ("a", "b"))
    assert make_data(tmp_path).split is None
    assert "too few photos have a label to hold some out: nothing is probed" in capsys.readouterr().out
    photo_folder(tmp_path / "one", 20, ("", "album"))
    data = make_data(tmp_path / "one")
    assert data.split is None and len(data._train) == 20  # nothing is held out for a probe that is not made
    assert "all labels are of class 0: nothing is probed" in capsys.readouterr().out


def test_pictures_are_central_squares(tmp_path):
    photo_folder(tmp_path, 3)
    data = make_data(tmp_path)
    (whole,) = (read.images for read in read_squares(data.source, CentralSquare(64)))
    assert torch.equal(data.pictures(torch.tensor([2, 0])), whole[[2, 0]].float() / 255)


def test_batches_are_crops_of_photos_as_they_are(tmp_path):
    photo_folder(tmp_path, 9)
    data, trained = make_data(tmp_path), method(views=3)
    data.check(trained)
    batch = next(iter(data.batches()))
    assert batch["image"].shape == (4, 3, 3, 12, 12) and batch["image"].dtype == torch.uint8
    assert all(view.shape == (4, 3, 12, 12) for view in trained.views(batch["image"]))
    assert trained.training_step_loss(batch)[0].isfinite()
    whole = SAMPCLR(SlimResNet((8, 16)), torch.nn.Identity(), BatchViews(16))
    data.check(whole)  # it sees the original too
    assert next(iter(data.batches()))["image"].shape == (4, 3, 16, 16)


def test_views_of_several_sizes_come_as_crops(tmp_path):
    photo_folder(tmp_path, 9)
    views = MultiCropViews([{"count": 2, "size": 12, "scale": (0.4, 1)}, {"count": 3, "size": 8, "scale": (0.1, 0.4)}])
    data, trained = make_data(tmp_path, workers=1), SimCLR(SlimResNet((8, 16)), MLPHead(16, 8, 4), views)
    data.check(trained)
    batch = next(iter(data.batches()))
    assert batch["image"].shape == (4, 2 * 3 * 12 * 12 + 3 * 3 * 8 * 8) and batch["image"].dtype == torch.uint8
    assert [view.shape[2] for view in trained.views(batch["image"])] == [12, 12, 8, 8, 8]
    assert trained.training_step_loss(batch)[0].isfinite()
    data.workers = 0  # and read here
    assert sum(len(chunk) for chunk in data.training_chunks(0)) == 9


def test_views_that_grow_are_made_of_squares(tmp_path):
    photo_folder(tmp_path, 9)
    views = GrowingViews([8, 12], grow_at=[1])
    data, trained = make_data(tmp_path, workers=0), SimCLR(SlimResNet((8, 16)), MLPHead(16, 8, 4), views)
    data.check(trained)
    batch = next(iter(data.batches()))
    assert batch["image"].dim() == 4 and batch["image"].shape[2] == batch["image"].shape[3]
    for epoch, size in enumerate((8, 12)):
        trained.start_epoch(epoch)
        assert [view.shape[2] for view in trained.views(batch["image"])] == [size, size]
        assert trained.training_step_loss(batch)[0].isfinite()


@pytest.mark.parametrize("views", [2, None])
def test_a_selection_sees_the_embeddings_of_all_photos(views, tmp_path):
    photo_folder(tmp_path, 24, kinds=False)
    data, trained = make_data(tmp_path, selection=SpectralBatches(k=3)), method()
    if views:
        data.check(trained)  # or views are made of squares
    data.start_epoch(trained, 0)
    first = data.selection.embeddings
    assert [z.shape for z in first] == [(24, 4)] * 2 and not torch.equal(*first)
    index = torch.cat([batch["index"] for batch in data.batches()])
    assert sorted(index.tolist()) == list(range(24))
    data.start_epoch(trained, 0)
    assert torch.equal(data.selection.embeddings[0], first[0])


def test_a_first_look_is_kept(tmp_path, monkeypatch):
    photo_folder(tmp_path / "photos", 5)
    (tmp_path / "photos" / "x.png").write_bytes(b"x")
    first = make_data(tmp_path / "photos").inspection
    monkeypatch.setattr("gnnclr.vision.photos.inspect.read_squares", None)
    assert make_data(tmp_path / "photos").inspection == first and list(first.broken.values()) == [
        "got a file that is no image"
    ]
    monkeypatch.undo()
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    (path,) = (tmp_path / "cache").iterdir()
    path.write_text("{")
    assert make_data(tmp_path / "photos").inspection == first


def test_colors_are_those_of_the_pixels(tmp_path):
    photo_folder(tmp_path, 6)
    data = make_data(tmp_path, workers=1)
    pixels = torch.stack([data.square(decode_photo(tmp_path / name)) for name in data.names]).double() / 255
    mean, std = data.colors()
    torch.testing.assert_close(torch.tensor(mean).double(), pixels.mean((0, 2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.tensor(std).double(), pixels.std((0, 2, 3), correction=0), atol=1e-4, rtol=0)


def test_any_data_set_that_is_asked_by_number(tmp_path):
    photo_folder(tmp_path, 8)
    folder = PhotoFolder(tmp_path)
    rows = [{"photo": decode_photo(tmp_path / name)} for name in folder.names]
    photos = MappedPhotos(rows, lambda row: row["photo"], labels=torch.arange(8) % 2, names=folder.names)
    mapped = PhotoData.of(photos, size=16, workers=0)
    mapped.setup("fit")
    assert torch.equal(mapped.embed(method()), make_data(tmp_path).embed(method()))
    assert mapped.classes and photos.classes == ["0", "1"] and mapped.labels.tolist() == [0, 1] * 4
    assert MappedPhotos([(row["photo"], 3) for row in rows]).read(2) is rows[2]["photo"]
    for options, message in (
        ({"labels": torch.arange(7)}, r"'labels' must be an integer tensor of shape \[8\]"),
        ({"names": ["a"]}, "'names' must have one for each of the 8 photos"),
        ({"parts": ["all"]}, "'parts' must have one for each of the 8 photos"),
        ({"parts": ["train"] * 7 + ["Test"]}, r"'parts' must be one of 'train', 'val', 'test', 'all' \(got 'Test'\)"),
    ):
        with pytest.raises(ValueError, match=message):
            MappedPhotos(rows, **options)
    with pytest.raises(ValueError, match=r"'image' must say what of .* is the photo \(got None"):
        MappedPhotos(rows).read(0)
    with pytest.raises(ValueError, match=r"'0' must be a path, .*, or an image of Pillow \(got tensor of shape"):
        PhotoData.of(MappedPhotos([(torch.zeros(3, 4, 4), 0)] * 2), workers=0).setup("fit")
    for source in (rows, MappedPhotos([])):
        with pytest.raises(ValueError, match="'source' must be a PhotoSource with photos"):
            PhotoData.of(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"broken": "refuse"},
            r"readable photos alone \(got 1 broken, such as 'x\.jpg': got a file that is no image\)",
        ),
        ({"max_pixels": 500}, r"'000-color\.jpg' must have at most 500 pixels \(got 34 × 30\); leave it out, or raise"),
    ],
)
def test_what_is_refused(options, message, tmp_path, monkeypatch):
    photo_folder(tmp_path, 3)
    (tmp_path / "x.jpg").write_bytes(b"x")
    with pytest.raises((ValueError, PhotoTooLarge), match=message):
        make_data(tmp_path, **options)
    monkeypatch.setattr("gnnclr.vision.photos.reader.MOST_AT_ONCE", 2)
    with pytest.raises((ValueError, PhotoTooLarge), match=message) as error:
        make_data(tmp_path, workers=1, **options)
    assert "\n" not in str(error.value)


def test_folders_that_cannot_be_trained_on(tmp_path):
    with pytest.raises(ValueError, match=r"'data\.root' must be the folder with the photos \(got none\)"):
        PhotoData().setup("fit")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"readable photos \(all 1 are broken: 'x\.jpg': got an empty file\)"):
        make_data(tmp_path / "bad")
    save(tmp_path / "test" / "test" / "0.png")
    with pytest.raises(ValueError, match=r"must hold photos to train on \(got 1, all of them in test/\)"):
        make_data(tmp_path / "test")
    save(tmp_path / "one" / "0.png")
    with pytest.raises(ValueError, match=r"must hold two photos to train on for each process \(got 1\)"):
        make_data(tmp_path / "one").batches()
    for options in ({"dataset": "tar"}, {"broken": "mend"}, {"size": 0}, {"batch_size": 1}, {"workers": -1}):
        with pytest.raises(ValueError, match=rf"'data\.{next(iter(options))}' must"):
            PhotoData(str(tmp_path), **options)


def test_a_photo_that_breaks_meanwhile_is_named(tmp_path):
    photo_folder(tmp_path, 5)
    data = make_data(tmp_path, batch_size=5)
    os.remove(tmp_path / data.names[2])
    with pytest.raises(ValueError, match=rf"'{data.names[2]}' must stay as it was when the run began"):
        list(data.batches())
    with pytest.raises(ValueError, match="must stay as it was when the run began"):
        data.embed(method())


def test_quilted_textures_of_photos(tmp_path, one_thread, capsys):
    """Photos of many sizes, a broken one among them: the run goes on within an epoch, and textures are kept."""
    root = tmp_path / "photos"
    photo_folder(root, 19)
    (root / "bad.jpg").write_bytes(b"no image")
    options = ["--data.batch_size=6", "--data.limit=18", "--model.method.queue.size=24", "--model.final_lr=1.0"]
    options += ["--model.warmup_steps=0", "--trainer.log_every_n_steps=1", "--trainer.limit_val_batches=1.0"]
    ends = {"whole": [("--trainer.max_epochs=2", None)]}
    ends["ended"] = [("--trainer.max_steps=2", None), ("--trainer.max_epochs=2", "last.ckpt")]
    for name, parts in ends.items():
        for limit, checkpoint in parts:
            run = fit(root, tmp_path / name, *options, limit, name="moco-quilt-folder")
            run.train(run.folder / "checkpoints" / checkpoint if checkpoint else None)
    out = capsys.readouterr().out
    assert out.count("textures made in") == 2 and "passed over 1 broken" in out  # of both parts, in the first run
    whole, ended = (torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ends)
    assert whole["global_step"] == ended["global_step"] == 4
    assert all(torch.equal(value, ended["state_dict"][name]) for name, value in whole["state_dict"].items())
    data = make_data(root, textures=Textures(seed=3))
    data.check(run.load_method()[0])
    batch = next(iter(data.batches()))
    assert batch["image"].shape == batch["texture"].shape == (4, 3, 16, 16)  # squares, and no crops
    expected = Textures(seed=3).of_images(batch["image"])
    assert torch.equal(batch["texture"], expected) and not torch.equal(batch["texture"], batch["image"])
    with pytest.raises(ValueError, match=r"'data\.textures' must be Textures \(got str 'x'\)"):
        make_data(root, textures="x")
