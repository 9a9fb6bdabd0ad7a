"""Numbers of channels and classes that recipes leave to the data."""

import pytest
import torch
import yaml
from torch import nn

from gnnclr.node import sbm
from gnnclr.train import Run, Seeds, build_data, build_module, parse_recipe
from gnnclr.vision import digits
from gnnclr.vision.transforms.normalize import CIFAR_MEAN

WIDTH = 23


@pytest.fixture
def graph(tmp_path):
    torch.save(sbm(60, 3, WIDTH).to_dict(), tmp_path / "graph.pt")
    return f"--data.dataset={tmp_path / 'graph.pt'}"


def build(name, options, folder):
    run = Run(parse_recipe(name, options), folder)
    return run.build().model.method, run.recipe.model.method.init_args


def test_encoder(graph, tmp_path):
    method, arguments = build("grace", [graph], tmp_path)
    assert method.encoder.in_channels == arguments.encoder.init_args.in_channels == WIDTH


def test_several_encoders_and_a_decoder(graph, tmp_path):
    method, _ = build("mvgrl", [graph], tmp_path)
    assert method.encoder.in_channels == method.diffusion_encoder.in_channels == WIDTH
    method, arguments = build("graphmae", [graph], tmp_path)
    assert method.encoder.in_channels == method.decoder.out_channels == arguments.in_channels == WIDTH
    assert method.decoder.in_channels == 512


def test_an_encoder_within_another(graph, tmp_path):
    settings = {"class_path": "gnnclr.node.GCNEncoder", "init_args": {"hidden_channels": 8, "out_channels": 256}}
    wrapped = {"class_path": "gnnclr.node.Checkpointed", "init_args": {"encoder": settings}}
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"base": "grace", "model": {"method": {"init_args": {"encoder": wrapped}}}})
    )
    method, _ = build(str(tmp_path / "mine.yaml"), [graph], tmp_path)
    assert method.encoder.in_channels == WIDTH


@pytest.mark.parametrize("encoder", ["gnnclr.node.GCNEncoder", "GCNEncoder", "gnnclr.node.encoders.gat.GATEncoder"])
def test_a_recipe_of_a_file_need_not_name_them(encoder, graph, tmp_path):
    part = {"class_path": encoder, "init_args": {"hidden_channels": 8, "out_channels": 256}}
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"base": "grace", "model": {"method": {"init_args": {"encoder": part}}}})
    )
    method, _ = build(str(tmp_path / "mine.yaml"), [graph], tmp_path)
    assert method.encoder.in_channels == WIDTH


def test_another_encoder_on_the_command_line(graph, tmp_path):
    method, _ = build("grace", [graph, "--model.method.encoder=gnnclr.node.GATEncoder"], tmp_path)
    assert type(method.encoder).__name__ == "GATEncoder" and method.encoder.in_channels == WIDTH


def test_numbers_that_are_given_are_kept(tmp_path):
    recipe = parse_recipe("grace", ["--data.dataset=none.pt", "--model.method.encoder.in_channels=5"])
    assert Run(recipe, tmp_path).build().model.method.encoder.in_channels == 5  # the data are not even read


@pytest.mark.parametrize(("dataset", "channels"), [("digits", 1)])
def test_images(dataset, channels, tmp_path):
    method, arguments = build("simclr-cpu", [f"--data.dataset={dataset}"], tmp_path)
    assert arguments.encoder.init_args.in_channels == channels
    assert next(m for m in method.encoder.modules() if isinstance(m, nn.Conv2d)).in_channels == channels
    _, arguments = build("clip-cpu", [f"--data.dataset={dataset}"], tmp_path)
    assert [encoder.init_args.in_channels for encoder in arguments.encoders] == [1, 2]


def test_colors_are_those_of_the_data(tmp_path):
    recipe = tmp_path / "crops.yaml"
    views = "{class_path: gnnclr.vision.BatchViews, init_args: {size: 8}}"
    recipe.write_text(f"base: simclr-digits\nmodel: {{method: {{init_args: {{views: {views}}}}}}}\n")
    method, arguments = build(str(recipe), ["--data.size=null"], tmp_path)
    data = digits()
    pixels = torch.cat([data.train.images, data.val.images]).double() / 255
    views = arguments.views.init_args
    assert views.mean == [round(pixels.mean().item(), 4)] and views.std == [round(pixels.std(correction=0).item(), 4)]
    assert method.views.normalize.mean.item() == pytest.approx(views.mean[0])
    given = ["--model.method.views.mean=0.2", "--model.method.views.std=0.3"]
    assert build(str(recipe), given, tmp_path)[1].views.init_args.mean == 0.2


def test_colors_that_are_known_and_unknown():
    module = build_module(parse_recipe("simclr-cifar10-cpu", ["--data.root=none"]), channels=3)
    assert module.method.views.normalize.mean.flatten().tolist() == pytest.approx(CIFAR_MEAN)
    unknown = parse_recipe("simclr-cifar100-cpu", ["--data.root=none"])
    with pytest.raises(
        ValueError, match=r"'model\.method\.views\.mean' must be given: the data do not say which colors"
    ):
        build_module(unknown, channels=3)
    module = build_module(unknown, channels=3, colors=([0.5, 0.4, 0.3], [0.2, 0.2, 0.2]))
    assert module.method.views.normalize.mean.flatten().tolist() == pytest.approx([0.5, 0.4, 0.3])


def test_classes(graph, tmp_path):
    _, arguments = build("gcool", [graph, "--model.method.num_communities=-1"], tmp_path)
    assert arguments.num_communities == 3
    plain = sbm(60, 3, WIDTH).to_dict()
    torch.save({key: plain[key] for key in ("x", "edge_index")}, tmp_path / "plain.pt")
    options = [f"--data.dataset={tmp_path / 'plain.pt'}", "--model.method.num_communities=-1"]
    with pytest.raises(ValueError, match=r"'model\.method\.num_communities' must be given: the data have no labels"):
        build("gcool", options, tmp_path)


def test_the_weights_are_those_of_given_numbers(graph, tmp_path):
    read = build("grace", [graph], tmp_path)[0].state_dict()
    given = build("grace", [graph, f"--model.method.encoder.in_channels={WIDTH}"], tmp_path)[0].state_dict()
    assert read.keys() == given.keys() and all(torch.equal(read[key], given[key]) for key in read)


def test_a_recipe_stays_as_it_is(graph, tmp_path):
    recipe = parse_recipe("grace", [graph])
    Run(recipe, tmp_path).build()
    assert recipe.model.method.init_args.encoder.init_args.in_channels == -1


def test_seeds_know_their_runs(graph, tmp_path):
    """The settings in the folder of a run have numbers that the recipe does not."""
    run = Seeds(parse_recipe("grace", [graph]), tmp_path).run(0)
    run.build()
    run.folder.mkdir()
    (run.folder / "config.yaml").write_text(run.settings())
    assert f"in_channels: {WIDTH}" in run.settings()
    Seeds(parse_recipe("grace", [graph]), tmp_path).run(0)


def test_parts_are_built_for_data_that_are_there_already():
    recipe = parse_recipe("gcool-cora", ["--data.root=none"])
    torch.manual_seed(0)
    module, data = build_module(recipe, channels=7), build_data(recipe)
    assert module.method.encoder.in_channels == 7 and module.optimizer(module.parameters()).defaults["lr"] == 0.001
    assert data.dataset == "cora" and data.graph is None and "NormalizeFeatures" in repr(data.transform)
    assert recipe.model.method.init_args.encoder.init_args.in_channels == -1
    torch.manual_seed(0)
    for one, other in zip(module.parameters(), build_module(recipe, channels=7).parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="must be given: the data have no labels"):
        build_module(parse_recipe("multiplex-gcool-acm", ["--data.root=none"]), channels=7)
