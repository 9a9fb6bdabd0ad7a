"""Recipes: settings in YAML, called by name.

A method is a file of settings that says only what differs from its ``base``; data and size are layers of their own, and
a name joins them: ``simclr-attn-cifar10-cpu`` is the variant ``simclr-attn`` of SimCLR on CIFAR-10 at the size ``cpu``.
"""

from gnnclr.configs.cards import recipe_card, recipe_cards
from gnnclr.configs.error import RecipeError
from gnnclr.configs.merge import merge
from gnnclr.configs.recipe_name import RecipeName, available_recipes
from gnnclr.configs.settings import recipe_settings, recipe_space

__all__ = [
    "RecipeError",
    "RecipeName",
    "available_recipes",
    "merge",
    "recipe_card",
    "recipe_cards",
    "recipe_settings",
    "recipe_space",
]
