"""Every recipe for graphs trains."""

import pytest
import torch
from devices import CUDA

from gnnclr.configs import RecipeName, recipe_cards, recipe_settings
from gnnclr.node import FittedRewiring, sbm
from gnnclr.train import Run, available_recipes, parse_recipe, read_metrics

GRAPHS = [name for name in available_recipes() if RecipeName.parse(name).kind == "graphs"]
NAMES = [name for name in GRAPHS if RecipeName.parse(name).data]
#: One recipe of each method and technique; those for other data sets differ in numbers alone.
TRAINED = [name for name in NAMES if name.endswith(("-cora", "-sbm", "lsa-cs"))]
#: Recipes that no benchmark has run.
UNTUNED = "-arxiv"
#: Methods whose objective changes at a later step than tests take.
STARTS = ("csgcl", "progcl")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Overrides that train a recipe on a small graph."""
    folder = tmp_path_factory.mktemp("graphs")

    def overrides(name, epochs=2):
        nodes = 512 if "lsa" in name else 90  # an SVD has at most as many directions as there are nodes
        path = folder / f"{nodes}.pt"
        if not path.exists():
            torch.save(sbm(nodes, 3, 600).to_dict(), path)
        options = [f"--data.dataset={path}", f"--trainer.max_epochs={epochs}", "--trainer.accelerator=cpu"]
        options += ["--model.method.start=1"] if name.startswith(STARTS) else []
        return [*options, "--trainer.log_every_n_steps=1"]

    return overrides


def test_every_method_has_a_recipe():
    from gnnclr import node

    methods = {name for name in node.__all__ if isinstance(getattr(node, name), type)}
    methods = {name for name in methods if issubclass(getattr(node, name), node.NodeMethod)}
    settings = [recipe_settings(name) for name in available_recipes()]
    used = {x["model"]["method"]["class_path"].removeprefix("gnnclr.node.") for x in settings}
    assert {x for x in used if "." not in x} == methods - {"NodeMethod", "WithFeatures"}  # the base and a wrapper


@pytest.fixture
def embeddings(monkeypatch):
    """Takes the place of the probes, which need longer than the training: the features that they would see."""
    seen = {}

    def evaluate_features(features, labels, split, probes):
        seen.update({row: feature() for row, feature in features.items()})
        return {}

    monkeypatch.setattr("gnnclr.train.contrastive_data.evaluate_features", evaluate_features)
    return seen


@pytest.mark.parametrize("accelerator", ["cpu", pytest.param("gpu", marks=CUDA)])
@pytest.mark.parametrize("name", TRAINED)
def test_recipe_trains(name, accelerator, small, embeddings, tmp_path):
    run = Run(parse_recipe(name, [*small(name), f"--trainer.accelerator={accelerator}"]), tmp_path / "run")
    assert run.fit()["steps"] == 2 and run.checkpoint.is_file()
    loss = [float(row["loss"]) for row in read_metrics(run.folder / "metrics.csv")]
    assert len(loss) == 2 and torch.tensor(loss).isfinite().all()
    assert set(embeddings) == {"raw", "A²X", "untrained", "trained"}
    untrained, trained = embeddings["untrained"], embeddings["trained"]
    assert untrained.shape == trained.shape == (len(embeddings["raw"]), trained.size(1)) and trained.isfinite().all()
    assert not torch.equal(untrained, trained)


def test_rewirings_of_the_graph_resume(small, embeddings, tmp_path):
    """Communities are drawn anew every second epoch, also where a run stops between the draws."""
    name, every = "grace-louvain-cora", ["--model.method.rewire.every=2"]
    whole, stopped = Run(parse_recipe(name, small(name, 4) + every), tmp_path / "whole"), tmp_path / "stopped"
    whole.fit()
    Run(parse_recipe(name, small(name, 3) + every), stopped).fit()
    resumed = Run.open(stopped, ["--trainer.max_epochs=4"])
    resumed.fit(resumed.checkpoint)
    a, b = (torch.load(run.checkpoint, weights_only=True)["state_dict"] for run in (whole, resumed))
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
    plain = Run(parse_recipe(name, small(name, 4)), tmp_path / "plain")
    plain.fit()
    c = torch.load(plain.checkpoint, weights_only=True)["state_dict"]
    assert any(not torch.equal(a[key], c[key]) for key in a)  # the second draw is another partition


@pytest.mark.parametrize(
    ("name", "base"),
    [(f"grace-{part}-cora", "grace-cora") for part in ("knn", "louvain", "weigh")]
    + [("grace-louvain-pubmed", "grace-pubmed"), ("decoupled-knn-cora", "decoupled-cora")],
)
def test_techniques_change_the_rewiring_alone(name, base):
    one, other = (parse_recipe(x, ["--data.root=x"]) for x in (name, base))
    assert one.model.method.init_args.pop("rewire").class_path == f"gnnclr.node.{FittedRewiring.__name__}"
    assert other.model.method.init_args.pop("rewire") is None
    one.pop("config"), other.pop("config")
    assert one == other


def test_recipes_of_large_graphs_differ_in_batches_alone():
    one, other = (parse_recipe(f"grace-{part}arxiv", ["--data.root=x"]) for part in ("", "communities-"))
    loaders = [recipe.data.init_args.pop("loader") for recipe in (one, other)]
    assert [loader.class_path for loader in loaders] == ["gnnclr.node.RandomNodeLoader", "gnnclr.node.CommunityLoader"]
    assert {loader.init_args.batch_size for loader in loaders} == {2048}
    one.pop("config"), other.pop("config")
    assert one == other


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(UNTUNED)])
def test_recipes_without_a_benchmark_say_so(name):
    assert "untuned" in recipe_cards()[name]["summary"] and "nothing was tuned" in recipe_cards()[name]["recipe"]
