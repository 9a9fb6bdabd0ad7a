"""Cards of recipes: method, paper, formula."""

from typing import Any

from gnnclr.configs.layers import layer, lineage, names, part
from gnnclr.configs.merge import merge
from gnnclr.configs.recipe_name import RecipeName, available_recipes


def recipe_card(name: str | RecipeName) -> dict[str, str]:
    """The card of a recipe: ``summary``, ``method``, ``paper``, ``formula``, and where they apply ``technique``,
    ``base`` (the recipe that it changes), ``published`` and ``recipe`` (where the settings are from).

    Args:
        name (str): A name in :func:`available_recipes`, or of the same form.
    """
    recipe = RecipeName.parse(name) if isinstance(name, str) else name
    chosen = {folder: x for folder, x in (("size", recipe.size), ("data", recipe.data)) if x}
    card: dict[str, Any] = {}
    for folder, x in chosen.items():
        card = merge(card, layer(recipe.kind, folder, x).get("card", {}))
    for one in lineage(recipe.kind, recipe.part):
        own = part(recipe.kind, one)
        # A variant has its base's method; all else is said of one recipe.
        about = [own.get("card", {}), *(own.get("when", {}).get(x, {}).get("card", {}) for x in chosen.values())]
        for texts in about:
            card = merge(card, texts if one == recipe.part or one in names(recipe.kind, "parts") else _method(texts))
    if recipe.data and recipe.data not in card["data"]:
        card.pop("published", None)
        card["recipe"] = f"the settings of {recipe.part}, which were not chosen for these data"
    if recipe.is_variant:
        card["base"] = str(recipe.parent)
    where = f" {card.get('joined', 'on')} {card['name']}" if recipe.data else ""
    machine = f": {card['size']}" if recipe.size else ""
    card["summary"] = (
        f"{card['title']}{where}{machine}. Needs {card['needs'] if recipe.data else '--data.dataset=NAME'}."
    )
    keys = ("summary", "method", "paper", "formula", "technique", "base", "published", "recipe")
    return {key: card[key] for key in keys if key in card}


def recipe_cards() -> dict[str, dict[str, str]]:
    """The cards of all recipes in :func:`available_recipes`."""
    return {name: recipe_card(name) for name in available_recipes()}


def _method(texts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in texts.items() if key in ("method", "joined")}
