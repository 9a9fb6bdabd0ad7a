"""The error of a recipe that cannot be used."""


class RecipeError(ValueError):
    """A recipe that cannot be read; the message names the field, and the nearest known name."""
