"""What is written in the files of recipes is written once. ``python tests/configs/test_files.py`` counts it."""

import json
from pathlib import Path

import yaml

import gnnclr.configs

FOLDER = Path(gnnclr.configs.__file__).parent
FILES = {str(path.relative_to(FOLDER)): path for path in sorted(FOLDER.rglob("*.yaml"))}


def settings(path):
    """The contents of a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def inside(x):
    """What a mapping or a list holds, but for cards."""
    return [value for key, value in x.items() if key != "card"] if isinstance(x, dict) else x


def keys(x):
    """The number of keys at all depths, cards aside; what a YAML alias repeats is counted as if it were written out."""
    own = len(inside(x)) if isinstance(x, dict) else 0
    return own + sum(map(keys, inside(x))) if isinstance(x, dict | list) else 0


def blocks(x, seen):
    """The mappings and lists at all depths, once where an alias repeats them."""
    if isinstance(x, dict | list) and id(x) not in seen:
        seen[id(x)] = x
        yield x
        for value in inside(x):
            yield from blocks(value, seen)


#: The keys of all recipes when none had a base, and of those that came later, with their bases written out.
WITHOUT_BASES = 5226 + 59 + 52 + 54 + 39 + 47 + 56 + 53 + 55 + 48


def test_at_most_half_of_the_keys_of_recipes_without_bases():
    assert sum(keys(settings(path)) for path in FILES.values()) <= WITHOUT_BASES // 2


def test_no_block_of_more_than_five_settings_is_written_twice():
    written, seen = {}, {}
    for name, path in FILES.items():
        for block in blocks(settings(path), seen):
            if keys(block) > 5:
                written.setdefault(json.dumps(block), []).append(name)
    assert {block: names for block, names in written.items() if len(names) > 1} == {}


def test_files_are_short_and_narrow():
    for name, path in FILES.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 90 and max(map(len, lines)) <= 120, name


def test_files_belong_to_the_package():
    patterns = (FOLDER.parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert '"configs/**/*.yaml"' in patterns


if __name__ == "__main__":
    print(f"{sum(keys(settings(path)) for path in FILES.values()):,} keys in {len(FILES)} files, cards aside")
