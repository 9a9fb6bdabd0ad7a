"""Methods of the benchmark that have no settings of their own: their recipes have them."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch_geometric.data import Data

from gnnclr.configs import RecipeName, available_recipes
from gnnclr.configs.layers import layer

#: What the setting ``x`` of :mod:`benchmarks.graphs.inputs` is in a recipe.
TRANSFORMS = {
    (): "raw",
    ("NormalizeFeatures",): "l1",
    ("UnitFeatures",): "l2",
    ("TfidfFeatures",): "tfidf",
    ("TfidfFeatures", "SVDFeatures"): "lsa",
}


def methods_of_recipes() -> list[str]:
    """The methods for graphs that have a recipe."""
    found = [RecipeName.parse(f"graphs/{name.removeprefix('graphs/')}") for name in available_recipes()]
    return sorted({name.part for name in found if name and name.kind == "graphs" and not name.is_variant})


def part_of_recipe(method: str) -> dict[str, Any]:
    """What ``node.json`` has of a method, out of its recipe.

    Args:
        method (str): One of :func:`methods_of_recipes`.
    """
    chosen_for = layer("graphs", "methods", method)["card"]["data"]
    declared = {data: _settings(f"graphs/{method}-{data}") for data in chosen_for}
    sources = {"default": f"the recipe {method}", **{data: f"the recipe {method}-{data}" for data in declared}}
    return {"default": _settings(f"graphs/{method}"), "declared": declared, "sources": sources}


def build_recipe(data: Data, s: Mapping[str, Any]) -> nn.Module:
    """The method of the recipe ``s["recipe"]``, for the features of a graph."""
    from gnnclr.train.channels import with_numbers
    from gnnclr.train.recipe import recipe_parser

    recipe = with_numbers(_recipe(s["recipe"]), channels=data.num_features)
    return recipe_parser().instantiate(recipe).model.method


def _recipe(name: str) -> Any:
    from gnnclr.train.recipe import parse_recipe

    # The benchmark has read the data: those of the recipe are not used, and need no files.
    return parse_recipe(name, ["--data.dataset=sbm"])


def _settings(name: str) -> dict[str, Any]:
    recipe = _recipe(name)
    model, transform = recipe.model, recipe.data.init_args.transform
    several = transform is not None and "transforms" in transform.get("init_args", {})
    parts = transform.init_args.transforms if several else [transform] if transform else []
    classes = tuple(part.class_path.rpartition(".")[2] for part in parts)
    if classes not in TRANSFORMS:
        raise ValueError(f"'transform' of {name!r} must be one that the benchmark knows (got {', '.join(classes)})")
    return {
        "recipe": name,
        "x": TRANSFORMS[classes],
        "epochs": recipe.trainer.max_epochs,
        "lr": model.optimizer.init_args.lr,
        "weight_decay": model.optimizer.init_args.weight_decay,
        "optimizer": model.optimizer.class_path.rpartition(".")[2].lower(),
        "warmup": model.warmup_steps if model.final_lr == 0 else None,
    }
