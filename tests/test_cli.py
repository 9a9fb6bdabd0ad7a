import inspect
import itertools
import json
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import torch
import yaml
from torch_geometric.data import Data

from gnnclr.cli import main
from gnnclr.configs import recipe_cards
from gnnclr.configs.layers import KINDS, names
from gnnclr.node import sbm

GRAPH = ["--trainer.max_epochs=2", "--trainer.accelerator=cpu", "--trainer.log_every_n_steps=1"]


pytestmark = pytest.mark.usefixtures("quick_probes")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["demo", "--help"], ["fit", "--help"]])
def test_help_and_list_import_nothing_heavy(arguments):
    code = (
        f"import sys; from gnnclr.cli import main\ntry: main({arguments})\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'lightning', 'matplotlib', 'torchvision', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    assert time.monotonic() - start < 5


def test_no_command_prints_help(capsys):
    assert main([]) == 0
    assert "gnnclr fit --config simclr-digits" in capsys.readouterr().out


def test_missing_package_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo"]) == 2
    assert "pip install 'gnnclr[cpu,train,report]'" in capsys.readouterr().err


def test_list(capsys):
    """Groups of images and graphs on one screen: methods, variants below them, data and size in columns."""
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60 and max(map(len, lines)) <= 100
    headings = [i for i, line in enumerate(lines) if "method, variants" in line]
    assert [lines[i].split()[0] for i in headings] == ["IMAGES", "GRAPHS", "MULTIPLEX"]
    column, size = lines[headings[0]].index("data"), lines[headings[0]].index("size")
    (simclr,) = (i for i, line in enumerate(lines) if line.startswith("simclr "))
    assert lines[simclr][column:size].strip() == "cifar10, digits" and lines[simclr][size:] == "gpu, cpu"
    assert "simclr-attn " in lines[simclr + 1]
    (grace,) = (line for line in lines if line.startswith("grace "))
    assert grace[column:] == "cora, citeseer, pubmed, photo, arxiv, sbm"
    shown = set(" ".join(lines).split())
    assert {name.rsplit("-cifar10")[0] for name in recipe_cards() if "-cifar10" in name} <= shown


def objectives():
    from gnnclr import losses

    return {name: value for name in losses.__all__ if getattr(value := getattr(losses, name), "card", None)}


def test_list_losses_shows_all_of_every_objective(capsys):
    assert main(["list", "losses"]) == 0
    out = capsys.readouterr().out
    entries = {entry.split("\n", 1)[0]: " ".join(entry.split()) for entry in out.strip().split("\n\n")}
    assert set(entries) == set(objectives()) and len(entries) >= 20
    for name, loss in objectives().items():
        arguments = [f"{p.name}={p.default!r}" for p in inspect.signature(loss).parameters.values()]
        parts = vars(loss.card) | {"arguments": ", ".join(arguments)}
        assert entries[name] == " ".join([name, *(f"{part} {text}" for part, text in parts.items())])
    assert max(map(len, out.splitlines())) <= 100
    assert "GraphLoss" not in entries


def entries(what, capsys):
    assert main(["list", what]) == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines() if "https://" not in line) <= 100
    return {entry.split("\n", 1)[0]: " ".join(entry.split()) for entry in out.strip().split("\n\n")}


def test_list_methods(capsys):
    shown, cards = entries("methods", capsys), recipe_cards()
    assert set(shown) == {card["method"] for card in cards.values()}
    wanted = (
        "SimCLR-Attn",
        "MoCo v2",
        "NNCLR",
        "SimSiam-Multi",
        "BYOL",
        "DirectPred",
        "Barlow Twins",
        "SAMP-CLR",
        "GRACE",
    )
    assert set(wanted) <= set(shown)
    assert shown["DirectPred"].endswith("configs directpred, directpred-cifar10, directpred-cifar10-cpu")
    assert "simclr-knn-digits" not in shown["SimCLR"] and "simclr-digits" in shown["SimCLR"]
    assert all("paper" in text and "https://" in text and "formula" in text for text in shown.values())


def test_list_variants(capsys):
    shown, cards = entries("variants", capsys), recipe_cards()
    assert set(shown) == {name for name, card in cards.items() if "technique" in card}
    for name, text in shown.items():
        assert f"technique {cards[name]['technique']}" in text and f"base {cards[name]['base']}" in text


def test_list_into_a_closed_pipe():
    command = [
        sys.executable,
        "-c",
        "import time; from gnnclr.cli import main; time.sleep(0.3); raise SystemExit(main(['list']))",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 0
    process.stderr.close()


@pytest.mark.parametrize("what", ["losses", "layers", "graph", "probes", "configs"])
def test_list_names(what, capsys):
    assert main(["list", what, "--names"]) == 0
    names = capsys.readouterr().out.split("\n")[:-1]
    assert names == sorted(names) and all(len(name.split()) == 1 for name in names)
    assert main(["list", what]) == 0
    if what != "configs":  # which are shown in groups
        assert set(names) <= set(capsys.readouterr().out.split())
    if what == "losses":
        assert names == sorted(objectives())


@pytest.mark.parametrize("what", ["layers", "graph", "probes"])
def test_list_shows_whole_sentences_without_markup(what, capsys):
    assert main(["list", what]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert "`" not in out and "<" not in out and ":math:" not in out and ":class:" not in out
    if what == "graph":
        text = " ".join(out.split())
        assert "knn_graph The graph in which every node receives an edge from each of its k nearest" in text
        assert "nearest neighbors, in linear memory" in text


def test_evaluate_help_names_its_own_folder(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert "runs/NAME/seeds" in out and "runs/NAME/1" not in out


def test_help_of_fit_fits_a_screen(capsys):
    assert main(["fit", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 110
    assert main(["fit", "--help-all"]) == 0
    assert "--trainer.gradient_clip_val" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--help", "trainer.precision"], ["--trainer.precision", "bf16-mixed"]),
        (["--help", "trainer"], ["--trainer.max_epochs", "--trainer.devices=auto"]),
        (["--config=grace-sbm", "--help=model.method.loss"], ["is a gnnclr.losses.NTXentLoss", "loss.temperature="]),
        (
            ["--config=grace-sbm", "--help", "model.method.views[0]"],
            ["gnnclr.node.grace_view", "edge_p=", "Probability"],
        ),
        (["--config=simclr", "--help", "data"], ["is a gnnclr.train.ImageData", "--data.dataset=NAME"]),
        (["--config=simclr", "--help", "model.optimizer", "--model.optimizer=SGD"], ["torch.optim.SGD", "momentum"]),
    ],
)
def test_help_of_a_field_says_what_it_means_and_its_value(arguments, shown, capsys):
    assert main(["fit", *arguments]) == 0
    out = capsys.readouterr().out
    assert all(text in out for text in shown), out
    assert "`" not in out and ":class:" not in out and "optimizer.params" not in out
    assert "data.seed" not in out  # which is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--help", "trainer.precison"], "did you mean 'trainer.precision'?"),
        (["--help", "model.method.loss"], "give --config NAME as well"),
        (["--config=grace-sbm", "--help", "model.method.los"], "did you mean 'model.method.loss'?"),
    ],
)
def test_help_of_an_unknown_field_names_the_nearest(arguments, message, capsys):
    assert main(["fit", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_fit_evaluate_embed(folder, capsys):
    assert main(["fit", "--config", "grace-sbm", *GRAPH]) == 0
    output = capsys.readouterr().out
    assert all(row in output for row in ("raw", "A²X", "untrained", "trained", "linear", "kNN"))
    run = folder / "runs" / "grace-sbm" / "1"
    for name in ("config.yaml", "metrics.csv", "metrics.json", "checkpoints/last.ckpt"):
        assert (run / name).is_file(), name

    before = json.loads((run / "metrics.json").read_text())["test"]
    assert main(["evaluate", "--run", str(run)]) == 0
    assert json.loads((run / "metrics.json").read_text())["test"] == before

    assert main(["embed", "--run", str(run), "--output", "out/z.npz"]) == 0
    with np.load("out/z.npz", allow_pickle=False) as arrays:
        assert arrays["z"].shape[0] == arrays["y"].shape[0] == 600
        assert len(arrays["train"]) + len(arrays["val"]) + len(arrays["test"]) == 600

    assert main(["fit", "--config", "grace-sbm", *GRAPH, "--trainer.max_epochs=1"]) == 0
    assert (folder / "runs" / "grace-sbm" / "2").is_dir()


def test_a_graph_without_labels_is_trained_on_and_embedded(folder, capsys):
    graph = sbm(80, 3, 512).to_dict()
    torch.save({key: graph[key] for key in ("x", "edge_index")}, "graph.pt")
    options = [*GRAPH, "--data.dataset=graph.pt", "--trainer.max_epochs=1"]
    assert main(["fit", "--config=grace-sbm", "--out=run", *options]) == 0
    assert capsys.readouterr().out.count("nothing is probed") == 1
    assert main(["embed", "--run=run", "--output=z.npz"]) == 0
    with np.load("z.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"z"} and arrays["z"].shape[0] == 80
    assert main(["evaluate", "--config=grace-sbm", "--seeds=1", *options]) == 2
    assert "the data have no labels" in capsys.readouterr().err


def test_nodes_without_a_label_are_left_out_of_splits_and_probes(folder, capsys):
    graph = sbm(200, 4, 512)
    known = torch.arange(200) % 2 == 0
    y = torch.where(known, graph.y, float("nan"))
    torch.save(Data(x=graph.x, edge_index=graph.edge_index, y=y), "graph.pt")
    options = [*GRAPH, "--data.dataset=graph.pt", "--trainer.max_epochs=1"]
    assert main(["fit", "--config=grace-sbm", "--out=run", *options]) == 0
    line = "100 nodes have no label: left out of splits and probes (100 have one)"
    assert capsys.readouterr().out.splitlines().count(line) == 1
    assert main(["embed", "--run=run", "--output=z.npz"]) == 0
    with np.load("z.npz", allow_pickle=False) as arrays:
        assert arrays["y"].tolist() == torch.where(known, graph.y, -1).tolist() and len(arrays["z"]) == 200
        assert known[np.concatenate([arrays[part] for part in ("train", "val", "test")])].all()
        assert [len(arrays[part]) for part in ("train", "val", "test")] == [10, 10, 80]


def test_weights_of_edges_that_are_not_used_are_said(folder, capsys):
    graph = sbm(80, 3, 512)
    graph.edge_weight = torch.rand(graph.num_edges)
    torch.save(graph, "graph.pt")
    small = [f"--model.method.encoder.{name}_channels=8" for name in ("hidden", "out")]
    small += [f"--model.method.decoder.{name}_channels=8" for name in ("in", "hidden")]
    command = ["fit", "--config=graphmae", *GRAPH, *small, "--data.dataset=graph.pt"]
    with pytest.warns(UserWarning, match="GraphMAE does not use 'edge_weight' of the graph: all edges count") as record:
        assert main([*command, "--out=run"]) == 0
    assert sum("edge_weight" in str(warning.message) for warning in record) == 1
    assert "weights from edge_weight" in capsys.readouterr().out
    with warnings.catch_warnings(record=True) as record:
        dims = [f"--model.method.{part}.edge_dim=1" for part in ("encoder", "decoder")]
        assert main([*command, "--out=weighted", *dims]) == 0
    assert not any("edge_weight" in str(warning.message) for warning in record)


@pytest.mark.parametrize("labels", [torch.rand(80), torch.rand(80, 2)])
def test_wrong_labels_are_refused_before_the_training(folder, capsys, labels):
    torch.save(sbm(80, 3, 512).to_dict() | {"y": labels}, "graph.pt")
    assert main(["fit", "--config=grace-sbm", "--out=run", *GRAPH, "--data.dataset=graph.pt"]) == 2
    assert "y' must" in capsys.readouterr().err and not (folder / "run").exists()


def test_fit_images(folder, capsys):
    small = ["--data.size=8", "--data.batch_size=512", "--model.method.encoder.widths=[4,8]"]
    small += ["--model.method.projector.in_features=8", "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
    assert main(["fit", "--config=simclr-digits", "--out=run", *small]) == 0
    assert "trained" in capsys.readouterr().out
    assert main(["fit", "--config=simclr-digits", "--out=run", *small]) == 2
    assert "holds a run already" in capsys.readouterr().err


def shown(arguments, capsys):
    """The heading and the settings that are printed."""
    with pytest.raises(SystemExit) as stop:
        main(["fit", *arguments, "--print_config"])
    out = capsys.readouterr().out
    assert not stop.value.code
    return out.splitlines()[0], yaml.safe_load(out)


def test_print_config_says_which_data_and_size_were_chosen(folder, capsys):
    heading, settings = shown(["--config=simclr", "--data.dataset=digits"], capsys)
    assert heading.startswith("# simclr-digits: SimCLR on handwritten digits") and "two CPU cores" in heading
    assert settings == shown(["--config=simclr-digits"], capsys)[1] and settings["data"]["init_args"]["size"] == 12
    heading, settings = shown(["--config=vicreg", "--data.dataset", "computers"], capsys)
    assert heading.startswith("# vicreg-computers: ") and "not chosen for these data" in heading
    assert settings["data"]["class_path"] == "gnnclr.train.NodeData"
    (folder / "mine.yaml").write_text("base: grace\ndata: {init_args: {dataset: cora}}")
    assert shown(["--config=mine.yaml"], capsys)[1] == shown(["--config=grace-cora"], capsys)[1]
    heading, settings = shown(["--config=grace", "--data.dataset=graph.pt"], capsys)
    assert heading == "# grace on graph.pt: GRACE, with no settings for these data."
    assert main(["fit", "--config=simclr-gpu", "--data.dataset=digits"]) == 2
    assert "'data.dataset' must come in the size of 'simclr-gpu'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_method_takes_all_data_of_its_kind_by_its_bare_name(kind, folder, capsys):
    for method, data in itertools.product(names(kind, "methods"), names(kind, "data")):
        heading, settings = shown([f"--config={kind}/{method}", f"--data.dataset={data}"], capsys)
        assert heading.startswith(f"# {method}-{data}: ") and settings["data"]["init_args"]["dataset"] == data


def test_evaluate_seeds(folder, capsys):
    assert main(["evaluate", "--config=grace-sbm", "--seeds=2", *GRAPH]) == 0
    assert "±" in capsys.readouterr().out
    assert (folder / "runs" / "grace-sbm" / "seeds" / "evaluation.json").is_file()


def test_several_configs_are_merged_in_order(folder, capsys):
    (folder / "warm.yaml").write_text("model: {method: {init_args: {loss: {init_args: {temperature: 0.9}}}}}")
    (folder / "short.yaml").write_text("trainer: {max_epochs: 1}\nmodel: {optimizer: {class_path: torch.optim.SGD}}")
    options = ["--config=warm.yaml", "--config", "short.yaml", *GRAPH[1:]]
    assert main(["fit", "--config=grace-sbm", *options, "--model.optimizer.lr=0.1"]) == 0
    settings = yaml.safe_load((folder / "runs" / "grace-sbm+warm+short" / "1" / "config.yaml").read_text())
    assert settings["model"]["method"]["init_args"]["loss"]["init_args"]["temperature"] == 0.9
    assert settings["trainer"]["max_epochs"] == 1 and settings["data"]["init_args"]["dataset"] == "sbm"
    optimizer = settings["model"]["optimizer"]
    assert optimizer["class_path"] == "torch.optim.SGD"
    assert optimizer["init_args"]["weight_decay"] == 0  # not that of the other optimizer
    capsys.readouterr()


@pytest.mark.parametrize("name", ["grace-cora", "simclr", "mine.yaml"])
def test_print_config_shows_all_settings(name, folder, capsys):
    (folder / "mine.yaml").write_text("base: grace-cora\ntrainer: {max_epochs: 3}")
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", name, "--model.warmup_steps=7", "--print_config"])
    settings = yaml.safe_load(capsys.readouterr().out)
    assert not stop.value.code and not (folder / "runs").exists()
    assert {"seed_everything", "model", "data", "trainer", "checkpoint"} <= set(settings)
    assert not {"base", "card", "when"} & set(settings) and settings["model"]["warmup_steps"] == 7
    assert settings["model"]["method"]["init_args"]["loss"]["class_path"] == "gnnclr.losses.NTXentLoss"
    assert settings["data"]["init_args"].get("dataset") == (None if name == "simclr" else "cora")


def test_a_method_takes_data(folder, capsys):
    torch.save(sbm(80, 3, 17).to_dict(), "graph.pt")
    assert main(["fit", "--config=grace", "--out=run", "--data.dataset=graph.pt", *GRAPH]) == 0
    settings = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert settings["model"]["method"]["init_args"]["encoder"]["init_args"]["in_channels"] == 17
    before = json.loads((folder / "run" / "metrics.json").read_text())["test"]
    assert main(["evaluate", "--run=run"]) == 0
    assert json.loads((folder / "run" / "metrics.json").read_text())["test"] == before
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--config=grace"], "'data.dataset' must be given (got none): grace is a method without data"),
        (
            ["fit", "--config=grace-sbm", "--config=none.yaml"],
            "must be the name of a recipe or a YAML file (got 'none.yaml', which does not exist)",
        ),
        (["fit", "--config=grace-sbn"], "did you mean 'grace-sbm'"),
        (["fit", "--config=grace-sbm", "--trainer.max_epoch=3"], "did you mean '--trainer.max_epochs'"),
        (["fit", "--config=grace-cora"], "'data.root' must be the folder"),
        (["fit", "--config=simclr-cifar10-cpu", "--data.root=none"], "'data.root' must be or hold cifar10.zip"),
        (["fit"], "needs --config NAME"),
        (["fit", "--ckpt_path=none.ckpt"], "there is no checkpoint 'none.ckpt'"),
        (["evaluate"], "needs either --run FOLDER or --config NAME"),
        (["evaluate", "--run=none"], "is not the folder of a run"),
        (["evaluate", "--run=none", "--seeds=3"], "'--seeds' goes with --config"),
        (["evaluate", "--run=none", "--out=elsewhere"], "'--out' goes with --config"),
        (["list", "loses"], "invalid choice: 'loses'"),
        (["embed", "--run=none", "--outptu=x"], "did you mean '--output'"),
        (["demo", "--sed=3"], "did you mean '--seed'"),
        (["trian"], "invalid choice: 'trian'"),
    ],
)
def test_mistakes_are_explained(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("gnnclr: error: ") and message in error
    assert "Traceback" not in error
