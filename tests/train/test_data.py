import os
from types import SimpleNamespace

import pytest
import torch
from torch_geometric.data import Data

from gnnclr.graph.batches import SpectralBatches
from gnnclr.node import sbm
from gnnclr.train import ImageData, NodeData
from gnnclr.vision import BatchViews, Images, Labeled, MLPHead, SimCLR, SlimResNet, Textures, digits


def test_images_train_on_all_but_the_test_images():
    data = ImageData("digits", size=12, batch_size=64)
    data.setup("fit")
    split = data.split
    assert len(data.labels) == 1797 and data.in_channels == 1
    assert len(data.batches().images) == len(split.train) + len(split.val)
    raw = data.baselines()["raw"]()
    assert raw.shape == (1797, 144) and raw.max() <= 1
    assert torch.equal(raw[split.test[0]], data.images.test.images[0].flatten() / 255)


def test_pictures_are_rows_of_what_is_embedded():
    data = ImageData("digits", size=12)
    data.setup("fit")
    index = torch.tensor([1796, 3, 3])
    assert torch.equal(data.pictures(index).flatten(1), data.baselines()["raw"]()[index])
    assert NodeData("sbm").pictures(index) is None


def test_labels_come_with_training_images_alone():
    data = ImageData("digits", batch_size=64, labels=True)
    data.setup("fit")
    loader = data.batches()
    assert torch.equal(loader.images, data.images.train.images)
    batch = next(iter(loader))
    assert torch.equal(batch["label"], data.images.train.labels[batch["index"]])
    assert torch.equal(batch["image"], data.images.train.images[batch["index"]])
    plain = ImageData("digits", batch_size=64)
    plain.setup("fit")
    assert "label" not in next(iter(plain.batches()))


def test_textures_come_with_their_images(tmp_path):
    textures = Textures(cache=str(tmp_path))
    data = ImageData("digits", batch_size=64, limit=128, textures=textures)
    data.prepare_data()
    assert not list(tmp_path.iterdir())  # nothing is trained
    data.trainer = SimpleNamespace(global_rank=0, world_size=1)
    data.prepare_data()
    made = set(tmp_path.iterdir())
    batch = next(iter(data.batches()))
    assert torch.equal(batch["texture"], textures.of_images(data.training_images()[0])[batch["index"]])
    assert set(tmp_path.iterdir()) == made and len(made) == 1
    with pytest.raises(ValueError, match=r"'data\.textures' must be Textures \(got str 'x'\)"):
        ImageData("digits", textures="x")


@pytest.mark.parametrize("labels", [False, True])
def test_no_test_image_is_trained_on(labels):
    data = ImageData("digits", batch_size=50, labels=labels)
    data.setup("fit")
    test = data.images.test.images
    test += 1  # marks them: images that are equal by chance do not count
    seen = torch.cat([batch["image"] for batch in data.batches()])
    assert not set(map(bytes, test.flatten(1).numpy())) & set(map(bytes, seen.flatten(1).numpy()))


@pytest.mark.parametrize("name", ["CIFAR100", "STL10"])
def test_data_sets_of_torchvision(name, monkeypatch):
    asked = []
    monkeypatch.setattr("gnnclr.train.image_data.torchvision_images", lambda *args: asked.append(args) or digits())
    data = ImageData(name.lower(), "somewhere")
    data.setup("fit")
    assert asked == [(name, "somewhere")] and data.in_channels == 1


def test_order_depends_on_the_seed():
    def first(seed):
        data = ImageData("digits", seed=seed)
        data.setup("fit")
        return next(iter(data.batches()))["index"]

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


def test_position_in_the_batches_is_restored():
    data, resumed = ImageData("digits", batch_size=128), ImageData("digits", batch_size=128)
    data.setup("fit")
    batches = iter(data.train_dataloader())
    for _ in range(3):
        next(batches)
    state = data.state_dict()
    resumed.setup("fit")
    resumed.load_state_dict(state)
    assert torch.equal(next(iter(resumed.train_dataloader()))["index"], next(batches)["index"])


def test_embedding_leaves_the_mode_alone():
    data = ImageData("digits")
    data.setup("fit")
    method = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5)).train()
    method.forward = lambda images: method[1](method[0](images.float()))
    assert torch.equal(data.embed(method), data.embed(method))
    assert method.training


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"dataset": "digit"}, "'data.dataset' must be one of"),
        ({"dataset": "cifar10"}, "'data.root' must be"),
        ({"dataset": "stl10"}, "'data.root' must be the folder with the files of 'stl10'"),
        ({"dataset": "folder", "root": "."}, "take a recipe for photos, such as simclr-folder"),
        ({"dataset": "digits", "batch_size": 1}, "'data.batch_size' must be an integer of at least 2"),
    ],
)
def test_image_errors(kwargs, match):
    with pytest.raises(ValueError, match=match):
        ImageData(**kwargs)


def test_batch_larger_than_the_data():
    data = ImageData("digits", batch_size=4096)
    data.setup("fit")
    with pytest.raises(ValueError, match=r"'data\.batch_size' must be at most the"):
        data.batches()


def test_graph_is_one_batch_with_baselines():
    data = NodeData("sbm")
    data.setup("fit")
    (graph,) = list(data.batches())
    assert graph is data.graph and len(data.batches()) == 1
    baselines = data.baselines()
    assert set(baselines) == {"raw", "A²X"}
    assert baselines["A²X"]().shape == baselines["raw"]().shape == graph.x.shape


def graph_file(tmp_path, **changes):
    graph = sbm(120, 3, 16)
    torch.save(Data(**graph.to_dict() | {key: change(graph) for key, change in changes.items()}), tmp_path / "graph.pt")
    data = NodeData(str(tmp_path / "graph.pt"))
    data.setup("fit")
    return data


def test_nodes_without_a_label(tmp_path, capsys):
    known = torch.arange(120) % 5 == 0
    data = graph_file(tmp_path, y=lambda graph: torch.where(known, graph.y, -1))
    read, left_out = capsys.readouterr().out.splitlines()
    assert "120 nodes" in read and "without a label" not in read
    assert left_out == "96 nodes have no label: left out of splits and probes (24 have one)"
    parts = torch.cat([data.split.train, data.split.val, data.split.test])
    assert known[parts].all() and len(data.labels) == 120 and (data.labels == -1).sum() == 96
    for rows in data.evaluate({}).values():
        assert all(0 <= result.test <= 1 for result in rows.values())
    again = NodeData(str(data.file))
    again.setup("fit")
    assert capsys.readouterr().out == ""  # the line is printed once, not by every probe and for every run


@pytest.mark.parametrize("labels", [-1, 2])
def test_nothing_is_probed_of_one_class_or_none(labels, tmp_path, capsys):
    data = graph_file(tmp_path, y=lambda graph: torch.full_like(graph.y, labels))
    assert "nothing is probed" in capsys.readouterr().out
    assert data.split is None and data.evaluate({}) == {} and data.labels.tolist() == [labels] * 120


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_mask": lambda graph: graph.val_mask & False}, r"'data\.val_mask' must hold a labeled node"),
        ({"test_mask": lambda graph: graph.test_mask & False}, "'data.test_mask' must hold a node"),
        ({"y": lambda graph: torch.where(graph.train_mask, -1, graph.y)}, r"'data\.y' must .* a row of 'train'"),
        ({"y": lambda graph: graph.y - 100}, r"'data\.y' must hold classes 0, 1, 2, \.\.\., and -1 or NaN"),
        ({"y": lambda graph: graph.y / 2}, r"'data\.y' must hold whole numbers, .* \(got 0\.5\)"),
        ({"x": lambda graph: graph.x * float("nan")}, r"'data\.x' must be finite"),
    ],
)
def test_what_cannot_be_probed_is_refused_before_the_training(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        graph_file(tmp_path, **changes)


def test_images_without_a_label(monkeypatch, capsys):
    whole = digits()
    parts = [Labeled(part.images, torch.where(part.labels < 5, part.labels, -1)) for part in (whole.train, whole.val)]
    images = Images(*parts, whole.test, whole.classes, extra=whole.test.images[:7])
    monkeypatch.setattr("gnnclr.train.image_data.digits", lambda: images)
    data = ImageData("digits", labels=True, batch_size=64)
    data.setup("fit")
    missing = int((data.labels == -1).sum()) + 7
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{missing} images have no label: left out of splits and probes")
    assert second.startswith("no training image is of class 5, 6, 7, 8, 9: the ") and second.endswith("count as wrong")
    assert (data.labels[torch.cat([data.split.train, data.split.val])] >= 0).all()
    assert len(data.batches().images) == len(whole.train.images)  # they are trained on
    assert len(Images.hold_out(images.train, images.test, images.classes).val.labels) < len(whole.train.labels) / 15


def test_encoder_of_another_width_is_refused():
    data = NodeData("sbm")
    data.setup("fit")
    method = torch.nn.Module()
    method.encoder = torch.nn.Module()
    method.encoder.in_channels = data.in_channels
    data.check(method)
    method.encoder.in_channels = 7
    with pytest.raises(ValueError, match=r"in_channels' must be the \d+ channels of the data \(got 7\)"):
        data.check(method)


@pytest.mark.data
@pytest.mark.skipif("GNNCLR_DATA" not in os.environ, reason="needs the real files that GNNCLR_DATA points to")
def test_cora_has_the_public_split():
    data = NodeData("cora", os.environ["GNNCLR_DATA"])
    data.setup("fit")
    assert [len(part) for part in (data.split.train, data.split.val, data.split.test)] == [140, 500, 1000]
    assert data.in_channels == 1433


def test_limit():
    data = ImageData("digits", batch_size=64, limit=128)
    data.setup("fit")
    images, labels = data.training_images()
    assert len(images) == 128 and labels is None and len(data.batches()) == 2
    other = ImageData("digits", batch_size=64, limit=128, seed=5)
    other.setup("fit")
    assert torch.equal(other.training_images()[0], images)
    assert len(data.labels) == len(data.images.train.labels) + len(data.images.val.labels) + len(
        data.images.test.labels
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 10}, "'data.limit' must be at least the batch size of 64"),
        ({"limit": 100.5}, "'data.limit' must be a positive integer"),
        ({"selection": 3}, "'data.selection' must be a BatchSelection"),
    ],
)
def test_wrong_limit_or_selection(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImageData("digits", batch_size=64, **arguments)


def test_selection_sees_embeddings_of_all_images():
    data = ImageData("digits", batch_size=64, limit=256, selection=SpectralBatches(k=4))
    data.setup("fit")
    torch.manual_seed(0)
    method = SimCLR(SlimResNet((4, 8), 1, 1), MLPHead(8, 8, 4), BatchViews(8, mean=0.3, std=0.4))
    state = torch.random.get_rng_state()
    data.start_epoch(method, 0)
    assert torch.equal(torch.random.get_rng_state(), state) and method.training
    first = data.selection.embeddings
    assert [z.shape for z in first] == [(256, 4)] * 2
    index = torch.cat([batch["index"] for batch in data.batches()])
    assert sorted(index.tolist()) == list(range(256))
    data.start_epoch(method, 0)
    assert torch.equal(data.selection.embeddings[0], first[0])
    data.start_epoch(method, 1)
    assert not torch.equal(data.selection.embeddings[0], first[0])
    with pytest.raises(ValueError, match=r"'data\.selection' needs a method with an encoder, a projector and views"):
        data.start_epoch(torch.nn.Linear(2, 2), 0)
