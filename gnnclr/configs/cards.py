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
    name = RecipeName.parse(name) if isinstance(name, str) else name
    chosen = {folder: x for folder, x in (("size", name.size), ("data", name.data)) if x}
    card: dict[str, Any] = {}
    for folder, x in chosen.items():
        card = merge(card, layer(name.kind, folder, x).get("card", {}))
    for one in lineage(name.kind, name.part):
        own = part(name.kind, one)
        # A variant has its base's method; all else is said of one recipe.
        about = [own.get("card", {}), *(own.get("when", {}).get(x, {}).get("card", {}) for x in chosen.values())]
        for texts in about:
            card = merge(card, texts if one == name.part or one in names(name.kind, "parts") else _method(texts))
    if name.data and name.data not in card["data"]:
        card.pop("published", None)
        card["recipe"] = f"the settings of {name.part}, which were not chosen for these data"
    if name.is_variant:
        card["base"] = str(name.parent)
    where = f" {card.get('joined', 'on')} {card['name']}" if name.data else ""
    machine = f": {card['size']}" if name.size else ""
    card["summary"] = f"{card['title']}{where}{machine}. Needs {card['needs'] if name.data else '--data.dataset=NAME'}."
    keys = ("summary", "method", "paper", "formula", "technique", "base", "published", "recipe")
    return {key: card[key] for key in keys if key in card}


def recipe_cards() -> dict[str, dict[str, str]]:
    """The cards of all recipes in :func:`available_recipes`."""
    return {name: recipe_card(name) for name in available_recipes()}


def _method(texts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in texts.items() if key in ("method", "joined")}
