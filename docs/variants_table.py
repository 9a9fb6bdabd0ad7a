"""The table of all variants in techniques.md, made of the cards of the recipes.

python docs/variants_table.py    # writes the table anew, as `make docs` does
"""

from pathlib import Path

from generated_table import escaped, linked, with_table, write

from gnnclr.configs import RecipeName, recipe_cards

PAGE = Path(__file__).parent / "techniques.md"
BEGIN = "<!-- table: python docs/variants_table.py -->\n"


def table() -> str:
    """The rows, in Markdown."""
    lines = ["| variant | of | technique | paper |", "| --- " * 4 + "|"]
    for name, card in recipe_cards().items():
        if "technique" in card and name == RecipeName.parse(name).part:  # once, and not with each of its data
            words = escaped(card["technique"])
            lines.append(f"| `{name}` | `{card['base']}` | {words} | {linked(card['paper'])} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table as it is now."""
    return with_table(text, BEGIN, table())


if __name__ == "__main__":
    write(PAGE, page(PAGE.read_text(encoding="utf-8")))
