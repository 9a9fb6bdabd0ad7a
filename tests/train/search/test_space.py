import pytest

from gnnclr.configs import RecipeError, recipe_settings, recipe_space
from gnnclr.configs.layers import KINDS, layer, lineage, names, part
from gnnclr.train import parse_recipe
from gnnclr.train.search import Space
from gnnclr.train.search.space import Bounds, Values
from gnnclr.train.search.summary import plain_settings

SETTINGS = {
    "model": {
        "method": {
            "class_path": "M",
            "init_args": {
                "views": [{"class_path": "V", "init_args": {"p": 0.3}}, {"class_path": "V", "init_args": {"p": 0.4}}],
                "loss": {"class_path": "L", "init_args": {"temperature": 0.5}},
                "hops": 2,
                "act": "relu",
            },
        },
        "optimizer": {"class_path": "O", "init_args": {"lr": 0.02}},
    },
    "seed_everything": 0,
}


def test_what_is_tried():
    space = Space(
        {
            "model.method.hops": [2, [3, 4], None, True],
            "model.method.views[1].p": {"low": 0.0, "high": 1},
            "model.method.loss.temperature": {"low": 1, "high": 10},
            "model.optimizer.lr": {"low": 0.1, "high": 10, "log": True, "relative": True},
        },
        SETTINGS,
    )
    assert space.fields["model.method.hops"] == Values((2, [3, 4], None, True))
    assert space.fields["model.optimizer.lr"] == Bounds(0.02 * 0.1, 0.02 * 10, True)
    found = space.distributions()
    assert type(found["model.method.loss.temperature"]).__name__ == "IntDistribution"
    assert found["model.optimizer.lr"].log and found["model.method.views[1].p"].high == 1.0
    assert found["model.method.hops"].choices == (2, "[3, 4]", None, True)
    assert space.value("model.method.hops", "[3, 4]") == [3, 4] and space.size == float("inf")
    # The temperature of the recipe is none of those.
    assert space.own() == {"model.method.hops": 2, "model.method.views[1].p": 0.4, "model.optimizer.lr": 0.02}
    assert [chosen["model.method.hops"] for chosen in space.corners()] == [2, "[3, 4]", None, True]


def test_overrides_give_lists_as_a_whole():
    space = Space(
        {"model.method.views[0].p": [0.1], "model.method.views[1].p": [0.9], "model.method.act": ["elu", None]},
        SETTINGS,
    )
    words = space.overrides({"model.method.views[0].p": 0.1, "model.method.views[1].p": 0.9, "model.method.act": "elu"})
    views = '[{"class_path": "V", "init_args": {"p": 0.1}}, {"class_path": "V", "init_args": {"p": 0.9}}]'
    assert words == ["--model.method.act=elu", f"--model.method.views={views}"]
    assert SETTINGS["model"]["method"]["init_args"]["views"][0]["init_args"]["p"] == 0.3
    assert space.size == 2 and len(list(space.grid())) == 2


@pytest.mark.parametrize(
    "field,tried,match",
    [
        ("model.method.los.temperature", [1], r"mine: unknown field .*; did you mean 'model.method.loss.temperature'"),
        ("model.method.views[2].p", [1], r"unknown field 'model.method.views\[2\].p'; did you mean"),
        ("model.method.views.p", [1], "unknown field"),
        ("seed_everything", [1, 2], "'seed_everything' must be the same in all trials"),
        ("model.method.hops", 3, r"mine: 'model.method.hops' must be a list of values, or \{low.* \(got 3\)"),
        ("model.method.hops", [], r"must be a list of values, .* \(got \[\]\)"),
        ("model.method.hops", {"lo": 1, "high": 2}, r"\(got 'lo'; did you mean 'low'\?\)"),
        ("model.method.hops", {"low": 3, "high": 2}, r"'low' below 'high' \(got 3 and 2\)"),
        ("model.method.hops", {"low": float("nan"), "high": 2}, "must have numbers"),
        ("model.method.hops", {"low": 1, "high": "2"}, r"\(got 1 and 2\)"),
        ("model.method.hops", {"low": 0, "high": 2, "log": True}, r"positive 'low' where 'log' is set \(got 0\)"),
        ("model.method.hops", {"low": 0, "high": 2, "log": 1}, r"true or false as 'log' \(got 1\)"),
        ("model.method.act", {"low": 1, "high": 2, "relative": True}, r"to be 'relative' \(got 'relu'\)"),
    ],
)
def test_errors_name_the_field(field, tried, match):
    with pytest.raises(RecipeError, match=match):
        Space({field: tried}, SETTINGS, "mine")


def test_a_space_for_many_recipes():
    tried = {"low": 0.1, "high": 0.4}
    declared = {"model.method.loss.temperature": tried, "model.method.gamma": tried, "model.method.hops": [4, 8]}
    space = Space(declared, SETTINGS, usual=True)
    assert space.fields == {"model.method.loss.temperature": Bounds(0.1, 0.5), "model.method.hops": Values((4, 8, 2))}
    assert space.own() == {"model.method.loss.temperature": 0.5, "model.method.hops": 2}
    with pytest.raises(RecipeError, match="must hold a field to try"):
        Space({"model.method.gamma": [1]}, SETTINGS, usual=True)


def test_spaces_are_inherited(tmp_path):
    space = recipe_space("decoupled-lsa-cora")
    assert {"model.method.encoder.alpha", "model.optimizer.lr", "model.method.feature_p"} <= set(space)
    assert "space" not in recipe_settings("decoupled-lsa-cora")
    text = "base: decoupled\nspace: {model.optimizer.lr: {low: 1, high: 2}, model.method.view.p: null}"
    (tmp_path / "mine.yaml").write_text(text)
    mine = recipe_space(tmp_path / "mine.yaml")
    assert mine["model.optimizer.lr"] == {"low": 1, "high": 2}  # not joined with the bounds below
    assert "model.method.view.p" not in mine and "model.method.encoder.alpha" in mine
    assert "space" not in recipe_settings(tmp_path / "mine.yaml")
    (tmp_path / "bad.yaml").write_text("base: decoupled\nspace: 3")
    with pytest.raises(RecipeError, match=r"'space' must be dotted fields and what is tried of them \(got 3\)"):
        recipe_space(tmp_path / "bad.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_every_declared_field_is_tried_of_some_recipe(kind):
    """A field that no recipe has any more would be left out of all without a word."""
    parts = [*names(kind, "methods"), *names(kind, "variants"), *names(kind, "parts")]
    declared = {name: set(part(kind, name).get("space", {})) for name in parts}
    declared["base"] = set(layer(kind, "", "base").get("space", {}))
    for name in [*names(kind, "methods"), *names(kind, "variants")]:
        above = [x for x in ("base", *lineage(kind, name)) if declared[x]]
        if not any(declared[x] for x in above):
            continue
        settings = plain_settings(
            parse_recipe(f"{kind}/{name}", ["--data.dataset=digits" if kind == "images" else "--data.dataset=x.pt"])
        )
        tried = set(Space(recipe_space(f"{kind}/{name}"), settings, usual=True).fields)
        assert {"model.optimizer.lr", "model.optimizer.weight_decay"} <= tried, name
        for x in above:
            declared[x] -= tried
    assert not any(declared.values()), declared
