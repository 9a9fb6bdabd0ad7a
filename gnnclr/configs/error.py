"""What is wrong with a recipe."""


class RecipeError(ValueError):
    """A recipe that cannot be read; the message says which field, and what was meant perhaps."""
