"""What the pages say holds."""

import functools
import importlib
import inspect
import math
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
import torchvision
import yaml
from contracts.discovery import public
from contracts.loss import make_views, unit

from gnnclr import losses
from gnnclr.configs import RecipeName, recipe_cards, recipe_settings
from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.losses import (
    AlignUniformLoss,
    AsymmetricInfoNCELoss,
    CLIPLoss,
    DCLLoss,
    DHELLoss,
    FMICLLoss,
    HardNegativeLoss,
    InfoNCELoss,
    KCLLoss,
    KernelInfoNCELoss,
    NTXentLoss,
    ReSCLoss,
    SupConLoss,
)

DOCS = Path(__file__).parent.parent / "docs"


def code(page: Path) -> list[str]:
    """The blocks of Python of a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def generator(name: str):
    """The module that makes the table of a page."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(DOCS.glob("*_table.py")) if "generated" not in path.stem]
)
def test_tables_of_the_package_are_up_to_date(name):
    module = generator(name)
    text = module.PAGE.read_text(encoding="utf-8")
    assert text == module.page(text), f"run: make docs, or python docs/{name}.py"


@pytest.mark.parametrize(
    "dtype,megabytes", [pytest.param(torch.bfloat16, 43.8, marks=pytest.mark.slow), (torch.float32, 85.9)]
)
def test_activations_on_the_page_of_scaling_are_those_of_a_resnet_50(dtype, megabytes):
    """What it keeps of one more view for the backward pass, weights aside."""
    network = torchvision.models.resnet50()
    network.fc = torch.nn.Identity()
    weights = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}

    def kept(views):
        sizes = {}

        def note(tensor):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = 0 if storage.data_ptr() in weights else storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), torch.autocast("cpu", dtype):
            output = network(torch.randn(views, 3, 224, 224))
        assert output.requires_grad  # what it keeps lives until here
        return sum(sizes.values())

    assert (kept(3) - kept(2)) / 1e6 == pytest.approx(megabytes, rel=2e-3)
    assert f"{megabytes} MB" in (DOCS / "scaling.md").read_text(encoding="utf-8")
    assert generator("scaling_table").VIEW == 43.8e6


def test_table_names_every_objective_and_its_file():
    table = generator("objectives_table").table()
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    assert {len(row) for row in rows} == {7}
    named = {row[0].strip(" `"): row for row in rows[2:]}
    assert set(named) == {name for name in losses.__all__ if getattr(getattr(losses, name), "card", None)}
    for row in rows[2:]:
        file, paper = re.search(r"\((.*?)\)", row[5])[1], row[6]
        assert (DOCS / file).is_file() and "](https://" in paper and paper.count("](") == paper.count("https://")


def test_losses_without_reductions_are_named():
    text = (DOCS / "objectives.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if "take neither `weight` nor `reduction`" in line]
    kinds = public("losses", losses.GraphLoss)
    without = {kind.__name__ for kind in kinds if "reduction" not in inspect.signature(kind).parameters}
    assert set(re.findall(r"`(\w+Loss)`", line)) == without


def test_pages_are_linked():
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages <= set((DOCS / "index.md").read_text(encoding="utf-8").split())


def test_reference_has_every_package_that_exports():
    exports = [
        path for path in (DOCS.parent / "gnnclr").glob("*/**/__init__.py") if "__all__" in path.read_text("utf-8")
    ]
    packages = {path.parent for path in exports}
    names = {".".join(path.relative_to(DOCS.parent).parts) for path in packages}
    pages = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    documented = re.findall(r"automodule:: (\S+)", pages)
    assert names <= set(documented)


def test_code_named_on_the_page_exists():
    from gnnclr import nn

    text = (DOCS / "objectives.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"`(\w+(?:Loss|Conv))`", text)):
        assert hasattr(losses, name) or hasattr(nn, name), name


def techniques() -> list[list[str]]:
    """The cells of the tables of techniques."""
    written, _all_variants = (DOCS / "techniques.md").read_text(encoding="utf-8").split("## All variants")
    lines = written.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    return [row for row in rows if row[0] != "in graph networks" and not row[0].startswith("---")]


def test_techniques_name_what_exists():
    from torch_geometric import transforms

    from gnnclr import graph, nn, node, vision
    from gnnclr.graph import batches, communities
    from gnnclr.nn import attention, predictors

    rooms = (graph, nn, node, vision, batches, communities, attention, predictors, losses, transforms)
    for *_, part, _recipe, _tie in techniques():
        for name in re.findall(r"\b[A-Z]\w+", re.sub(r"T\.", "", " ".join(re.findall(r"`([^`]*)`", part)))):
            assert any(hasattr(room, name) for room in rooms), name


def test_techniques_and_recipes_agree():
    cards = recipe_cards()
    named = {name for row in techniques() for name in re.findall(r"`([^`]*)`", row[3])}
    assert len(named) > 30 and named <= set(cards)
    rows = generator("variants_table").table().splitlines()[2:]
    variants = {RecipeName.parse(name).part for name, card in cards.items() if "technique" in card}
    assert {re.match(r"\| `(.*?)`", row)[1] for row in rows} == variants
    for row in rows:
        assert "](https://" in row and row.count("](") == row.count("https://")


LARGE = (DOCS / "large_graphs.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    gnnclr ((?:fit|evaluate) .*)$", LARGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_for_large_graphs_are_recipes(command, tmp_path):
    from gnnclr.train import Run, parse_recipe

    words = shlex.split(command.replace("--seeds 5", "").replace("PATH", os.environ.get("GNNCLR_DATA", "PATH")))
    assert words[1] == "--config"
    recipe = parse_recipe(words[2], words[3:])
    if "--data.root=PATH" in words:  # whose numbers of channels are in files that are not here
        return
    method = Run(recipe, tmp_path).build().model.method
    assert hasattr(method, "training_step_loss")


def test_blocks_on_large_graphs_are_parts_of_a_recipe(tmp_path):
    from gnnclr.train import Run, parse_recipe

    recipe = {"base": "grace-arxiv", "model": {"method": {"init_args": {}}}}
    for block in map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", LARGE, re.DOTALL)):
        recipe["model"]["method"]["init_args"] |= {key: block[key] for key in block.keys() & {"encoder"}}
        recipe |= {key: block[key] for key in block.keys() - {"encoder"}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    overrides = ["--data.dataset=sparse_sbm", "--data.size=3000"]
    built = Run(parse_recipe(str(tmp_path / "recipe.yaml"), overrides), tmp_path).build()
    built.data.setup("fit")
    built.data.check(built.model.method)
    assert repr(built.data.batches()) == "CommunityLoader(3000, batch_size=2048)"
    assert type(built.model.method.encoder).__name__ == "Checkpointed" and built.model.method.encoder.layers


def test_page_on_large_graphs_names_what_exists():
    from gnnclr import node, train
    from gnnclr.graph import communities

    rooms = (node, train, communities)
    for name in set(re.findall(r"`([A-Z]\w+)(?:\(.*?\))?`", LARGE)) - {"NeighborLoader"}:
        assert any(hasattr(room, name) for room in rooms), name
    assert {"grace-arxiv", "grace-communities-arxiv", "decoupled-arxiv"} <= set(recipe_cards())


def test_code_on_large_graphs_runs():
    block = next(block for block in code(DOCS / "large_graphs.md") if "NodeData" in block)
    names = {}
    exec(block.replace("20_000", "3_000").replace("140_000", "21_000"), names)
    assert names["batch"].n_id.numel() == 1500
    names["data"].setup("fit")
    assert sum(batch.num_nodes for batch in names["data"].batches()) == 3000


YOURS = DOCS / "your_graph.md"


def test_page_on_your_graph_runs(tmp_path, monkeypatch, capsys, one_probe):
    """All of its blocks and commands, in their order."""
    import numpy as np

    from gnnclr.cli import main
    from gnnclr.report.run_report import report_runs

    # t-SNE takes longer than all the rest.
    monkeypatch.setattr("gnnclr.report.run_report.report_runs", functools.partial(report_runs, projection="pca"))
    monkeypatch.chdir(tmp_path)
    text = YOURS.read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```|^    gnnclr ([^\n]*)$", text, re.DOTALL | re.MULTILINE)
    names, said = {}, []
    Path("space.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1], encoding="utf-8")
    for block, command in found:
        if block:
            exec(block, names)
        else:
            trains = not command.startswith(("embed", "report"))
            few = command.replace("--budget 3 --seeds 2", "--budget 2 --seeds 1")
            assert main([*shlex.split(few), *["--trainer.accelerator=cpu"] * trains]) == 0
        said.append(capsys.readouterr().out)
    assert len(found) == 11 and (tmp_path / "report.html").is_file()
    assert re.search(r"^    (my_graph\.pt: .*), \.\.\.$", text, re.MULTILINE)[1] in said[1]
    assert "chosen by accuracy on 30 validation nodes" in said[1] and "training " in said[1]
    assert names["choice"].by.startswith("link AUC") and len(names["h"]) == 300
    assert names["fitted"].z.shape == (300, 512) and names["z"].shape == (80, 512)
    assert "| ccassg " in said[5] and "linear − grace" in said[5] and "[" in said[5]
    assert "is the best by validation" in said[7] and "fit --config runs/searched/best.yaml" in said[7]
    with np.load("z.npz", allow_pickle=False) as arrays:
        assert arrays["z"].shape == (80, 512)


BATCHES = (DOCS / "large_batches.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", re.findall(r"^    gnnclr (fit .*)$", BATCHES, re.MULTILINE))
def test_commands_for_large_batches_take_chunks(command):
    from gnnclr.train import parse_recipe

    words = shlex.split(command)
    size = parse_recipe(words[2], words[3:]).model.method.init_args.chunk_size
    assert f"--model.method.chunk_size={size}" in words


def test_code_on_large_batches_runs():
    (block,) = code(DOCS / "large_batches.md")
    names = {}
    with pytest.warns(UserWarning, match="ghost batches"):
        exec(block.replace("4096", "16").replace("512", "6"), names)
    assert names["loss"].isfinite() and all(p.grad is not None for p in names["encoder"].parameters())


def test_code_on_communities_runs():
    from gnnclr.node import sbm
    from gnnclr.node.methods.step_graph import step_graph

    composed, learned = (block for block in code(DOCS / "communities.md") if "PATH" not in block)
    data = sbm(90, 3, 1433)
    names = {"data": data}
    exec(composed, names)
    graph = step_graph([data.x, data.x], data, names["rewire"])
    plain = step_graph([data.x, data.x], data)
    assert graph.edge_index.size(1) > plain.edge_index.size(1)  # neighbors attract
    assert graph.group.unique().numel() < plain.group.unique().numel()  # communities are left out
    exec(learned, names)
    assert names["rule"].community.shape == (90,) and names["method"].training_step_loss(data)[0].isfinite()


def test_code_on_objectives_runs():
    (block,) = code(DOCS / "objectives.md")
    names = {}
    exec(block, names)
    lines = [line.split("#")[0].strip() for line in block.splitlines() if "Loss(" in line]
    assert len(lines) == 11
    for line in lines:
        assert eval(line.split(" = ")[-1], names).isfinite().all()


README = DOCS.parent / "README.md"


@pytest.fixture
def names():
    """What a reader of the README has before its first block."""
    z0, z1, query, key = torch.randn(4, 64, 128, requires_grad=True).unbind()
    return {"torch": torch, "z0": z0, "z1": z1, "query": query, "key": key, "y": torch.arange(64) % 5}


def test_code_of_the_readme_runs():
    blocks = code(README)
    assert len(blocks) >= 4
    names = {}
    for block in blocks:
        exec(block, names)


def test_commands_of_the_readme_that_need_little_run(tmp_path, monkeypatch, capsys, one_probe):
    """Those for a graph of one's own, in their order, with few steps, and the lists."""
    from gnnclr.cli import main

    monkeypatch.chdir(tmp_path)
    exec(code(YOURS)[0], {})  # my_graph.pt
    other = torch.load("my_graph.pt", weights_only=False)
    torch.save(other, "other.pt")
    text = README.read_text(encoding="utf-8")
    lists = re.search(r"gnnclr list .*also: (.*)$", text, re.MULTILINE)[1].replace(",", "")
    for what in ("list", *(f"list {name}" for name in lists.removeprefix("list ").split())):
        assert main(shlex.split(what)) == 0 and len(capsys.readouterr().out.splitlines()) > 20
    mine = re.findall(r"^    gnnclr (.*(?:my_graph\.pt|runs/mine).*)$", text, re.MULTILINE)
    assert [command.split()[0] for command in mine] == ["compare", "search", "fit", "embed"]
    for command in mine:
        few = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu"] * (not command.startswith("embed"))
        small = command.replace("--seeds 5", "--seeds 2").replace("--budget 50", "--budget 1 --seeds 1")
        assert main([*shlex.split(small, comments=True), *few]) == 0, command
    assert re.search(r"300 embeddings of width \d+ in z.npz", capsys.readouterr().out)


@pytest.mark.parametrize(
    "call",
    [
        lambda z: NTXentLoss()(z, z[:3]),
        lambda z: NTXentLoss()(z.index_fill(0, torch.tensor(1), math.nan)[:, :1], z[:, :1]),
        lambda z: NTXentLoss()(z, z, temperature=9.0),
        lambda z: ReSCLoss(gamma=torch.tensor(1.0, requires_grad=True)),
    ],
    ids=["shape", "nan", "option", "learned"],
)
def test_errors_of_losses_are_quoted_as_they_are_printed(call):
    with pytest.raises(ValueError) as error:
        call(torch.randn(5, 4))
    assert f"\n    {error.value}\n" in (DOCS / "reliability.md").read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The names by which the headings of a page are linked."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> list[str]:
    """The links of a page, to files of this repository, whose file or heading is missing."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = text.replace("https://github.com/gnnclr/gnnclr/blob/main/", f"{DOCS.parent.as_posix()}/")
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        if target.parent in (DOCS / "tutorials", DOCS / "gallery"):  # made of examples by the build
            made_of = "GALLERY_HEADER.rst" if target.name == "index" else f"{target.name}.py"
            target = DOCS.parent / "examples" / target.parent.name / made_of
        local = not re.match(r"\w+:", link)
        if local and (not target.exists() or (heading and heading not in anchors(target))):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs"])
def test_links_within_the_repository_lead_somewhere(page):
    path = DOCS.parent / page
    pages = sorted(path.glob("**/*.md")) if path.is_dir() else [path]
    assert {str(page): dead for page in pages if (dead := dead_links(page))} == {}


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.md").write_text("# One: two\n", encoding="utf-8")
    (tmp_path / "b.md").write_text("[](a.md#one-two) [](https://x.org) [](a.md#three) [](c.md)\n", encoding="utf-8")
    assert dead_links(tmp_path / "b.md") == ["a.md#three", "c.md"]


def test_code_on_techniques_runs(names):
    (block,) = code(DOCS / "techniques.md")
    exec(block, names)
    assert names["rewire"](names["graph"]).edge_index.size(1) > names["graph"].edge_index.size(1)


def test_code_on_your_loss_runs():
    names = {}
    for block in code(DOCS / "your_loss.md"):
        exec(block, names)
    assert names["each"].shape == (512,)
    assert torch.isfinite(names["MyLoss"]()(names["z0"], names["z1"]))  # what the page defines works


@pytest.mark.data
def test_code_on_communities_that_reads_files_runs(names, capsys):
    (block,) = (block for block in code(DOCS / "communities.md") if "PATH" in block)
    exec(block.replace("PATH", os.environ["GNNCLR_DATA"]), names)
    assert torch.isfinite(names["loss"]) and "recall" in capsys.readouterr().out


@pytest.fixture
def views():
    return [view.double() for view in make_views(7, d=6, noise=0.8)]


def assert_close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_sup_con_without_labels_is_nt_xent(views):
    assert_close(SupConLoss(temperature=0.3)(*views), NTXentLoss(temperature=0.3)(*views))


def test_clip_is_info_nce_in_both_directions(views):
    a, b = views
    both = InfoNCELoss(temperature=0.3)(a, b) + InfoNCELoss(temperature=0.3)(b, a)
    assert_close(CLIPLoss(temperature=0.3, learnable=False)(a, b), both / 2)


def test_gaussian_kernel_info_nce_is_nt_xent(views):
    assert_close(KernelInfoNCELoss(temperature=0.6, gamma=2.0)(*views), NTXentLoss(temperature=0.3)(*views))


@pytest.mark.parametrize("scope", ["same", "all"])
def test_dhel_is_dcl_up_to_the_negatives(views, scope):
    x, graph = torch.cat(views), augmentation_graph(views, negatives=Negatives(scope=scope))
    a, b = views
    dhel = [DHELLoss(temperature=0.3, both_views=False)(*pair) for pair in ((a, b), (b, a))]
    if scope == "same":
        assert_close(DCLLoss(temperature=0.3)(x, graph), sum(dhel) / 2)
    else:
        loss = losses.DHELLoss(0.3, both_views=False)
        assert_close(loss(x, graph), DCLLoss(temperature=0.3)(a, b))


def test_hard_negatives_without_a_choice_are_nt_xent(views):
    assert_close(HardNegativeLoss(temperature=0.3, beta=0.0, tau_plus=0.0)(*views), NTXentLoss(temperature=0.3)(*views))


def test_hard_negatives_at_beta_zero_are_the_debiased_loss(views):
    n, tau, share = len(views[0]), 0.3, 0.1
    z = torch.cat([unit(view) for view in views])
    e, sample = torch.exp(z @ z.T / tau), torch.arange(2 * n) % n
    positive = e[torch.arange(2 * n), (torch.arange(2 * n) + n) % (2 * n)]
    negative = (e * (sample[:, None] != sample)).sum(dim=1)
    count = 2 * n - 2
    debiased = ((negative - share * count * positive) / (1 - share)).clamp(min=count * torch.e ** (-1 / tau))
    literal = -torch.log(positive / (positive + debiased)).mean()
    assert_close(HardNegativeLoss(temperature=tau, beta=0.0, tau_plus=share)(*views), literal)


def test_uniformity_is_the_logarithm_of_the_gaussian_energy(views):
    a, b = (unit(view) for view in views)
    attraction = (a - b).square().sum(dim=1)

    def energy(x):  # of one view against itself: the other view at the same place adds as much
        return (KCLLoss(t=2.0, gamma=1.0)(x, x) + 2) / 2

    assert_close(AlignUniformLoss()(*views), attraction.mean() + (energy(views[0]).log() + energy(views[1]).log()) / 2)


def test_kl_f_micl_repels_as_kcl_and_attracts_quadratically(views):
    a, b = (unit(view) for view in views)
    sigma, distance = 0.8, (a - b).square().sum(dim=1)
    t = 1 / (2 * sigma**2)
    repulsion = KCLLoss(t=t, gamma=3.0)(*views) + 2 * torch.exp(-t * distance).mean()
    # The mean over anchors of both views is half of KCL's sum.
    f_micl = FMICLLoss(sigma=sigma, alpha=6.0, both_views=True)(*views)
    assert_close(f_micl, (t * distance).mean() - 1 + repulsion)


def test_asymmetric_hard_negatives_are_those_of_all_views():
    views = [view.double() for view in make_views(7, d=6, views=3, noise=0.8)]
    assert_close(
        AsymmetricInfoNCELoss(temperature=0.3, variant="hn")(*views), HardNegativeLoss(temperature=0.3)(*views)
    )


def printed_commands() -> list[str]:
    """Each command line ``gnnclr ...`` of a page or of the help of the command, once, without its comment."""
    from gnnclr.cli import EXAMPLES

    root = DOCS.parent
    pages = [
        root / "README.md",
        root / "CONTRIBUTING.md",
        root / "gnnclr" / "train" / "run.py",
        *sorted(DOCS.glob("*.md")),
    ]
    texts = [*(page.read_text(encoding="utf-8") for page in pages), EXAMPLES]
    lines = [line for text in texts for line in re.findall(r"^ {2,4}(gnnclr .*)$", text, re.MULTILINE)]
    lines += [line for text in texts for line in re.findall(r"`(gnnclr [^`]*)`", text)]
    return sorted({re.split(r" #|  +", line)[0].strip() for line in lines})


@pytest.mark.parametrize("command", printed_commands())
def test_printed_commands_are_commands(command):
    from gnnclr.cli import _parser

    arguments, overrides = _parser()[0].parse_known_args(shlex.split(command)[1:])
    assert not overrides or arguments.takes_recipe
    for config in getattr(arguments, "config", None) or ():
        written = ("config.yaml", "runs/searched/best.yaml")  # by commands
        assert config in ("NAME", "NAME-DATA", *written) or recipe_settings(config)
    for path in (getattr(arguments, name, None) or "" for name in ("ckpt_path", "run", "out")):
        found = re.match(r"runs/([\w-]+)/(\w+)", path)
        if found and found[1] in recipe_cards():  # the folders of a recipe are numbered from 1
            assert found[2] == "seeds" or int(found[2]) >= 1


def test_printed_commands_are_found():
    commands = printed_commands()
    assert {"gnnclr demo", "gnnclr list losses", "gnnclr embed --run runs/mine --graph other.pt --output z.npz"} <= set(
        commands
    )
    assert len(commands) > 20


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in DOCS.glob("*.md"))])
def test_files_named_on_a_page_exist(page):
    text = (DOCS.parent / page).read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/])(?:gnnclr|tests|benchmarks|docs|examples)/[\w/]+\.(?:py|md|yaml)\b", text)
    missing = {name for name in named if "NAME" not in name and not (DOCS.parent / name).is_file()}
    assert not missing
