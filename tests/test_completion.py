"""What a shell is told to complete."""

import os

import forked
import pytest

pytest.importorskip("argcomplete", reason="needs argcomplete, which the extra 'completion' installs")


@pytest.fixture
def completed(tmp_path):
    """The words that may end a line."""

    def words(line: str) -> list[str]:
        found = tmp_path / "words"
        asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(found), "_ARGCOMPLETE_IFS": "\n"}
        variables = os.environ | asked | {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
        forked.Forked(forked.gnnclr, environment=variables).finish()
        return [word.strip() for word in found.read_text().split("\n") if word]

    return words


def test_commands_and_options(completed):
    assert completed("gnnclr eval") == ["evaluate"]
    assert "--budget" in completed("gnnclr search --")


def test_recipes(completed):
    assert completed("gnnclr fit --config grace-cor") == ["grace-cora"]
    found = completed("gnnclr compare --configs grace-cora,bgrl-p")
    assert {"grace-cora,bgrl-photo", "grace-cora,bgrl-physics"} <= set(found)


def test_fields_of_the_recipe_that_is_named(completed):
    assert completed("gnnclr fit --config grace-cora --trainer.max_ep") == ["--trainer.max_epochs"]
    assert "--model.method.loss.temperature" in completed("gnnclr fit --config=grace-cora --model.")
    assert completed("gnnclr fit --config nothing --trainer.max_ep") == []


def test_a_quote_that_is_open_is_no_error(completed):
    assert completed("gnnclr fit --config 'grace-cora' --out 'my fol") == []
