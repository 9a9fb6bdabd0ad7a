import itertools
import re

import pytest
import yaml

from gnnclr.configs import RecipeError, RecipeName, available_recipes, recipe_card, recipe_cards, recipe_settings
from gnnclr.configs.layers import KINDS, layer, names

#: Names that stay.
KNOWN = {"simclr-cifar10", "simclr-cifar10-cpu", "simclr-attn-cifar10-cpu", "simclr-knn-digits", "moco-v2-cifar10"}
KNOWN |= {"grace-cora", "grace-sbm", "grace-louvain-pubmed", "gcool-photo", "bgrl-photo", "decoupled-lsa-physics"}
KNOWN |= {"grace-communities-arxiv", "multiplex-gcool-acm", "vicreg-cora", "vicreg-cifar10", "directset-cifar10-cpu"}


def arguments(recipe):
    return recipe_settings(recipe)["model"]["method"]["init_args"]


def write(folder, **recipes):
    for name, settings in recipes.items():
        (folder / f"{name}.yaml").write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))


def test_names():
    found = available_recipes()
    assert set(found) >= KNOWN and found == sorted(set(found))
    for kind in KINDS:
        methods = names(kind, "methods")
        assert set(methods) <= set(found)  # each method has a recipe without data
    for name in found:
        assert str(RecipeName.parse(name)) == name
        settings = recipe_settings(name)
        assert set(settings) == {"model", "data", "trainer", "checkpoint"}
        assert ("dataset" in settings["data"].get("init_args", {})) == (RecipeName.parse(name).data is not None)


def test_layers_follow_the_name():
    assert RecipeName.parse("simclr-attn-cifar10-cpu") == RecipeName("images", "simclr-attn", "cifar10", "cpu")
    assert RecipeName.parse("simclr-cifar10").size == RecipeName.parse("simclr-cifar10-gpu").size == "gpu"
    assert recipe_settings("simclr-cifar10") == recipe_settings("simclr-cifar10-gpu")
    assert RecipeName.parse("simclr-digits").size == "cpu"
    assert RecipeName.parse("grace-cora").size is None
    assert RecipeName.parse("vicreg-cora").kind == RecipeName.parse("graphs/vicreg").kind == "graphs"
    assert RecipeName.parse("vicreg").kind == RecipeName.parse("vicreg-folder").kind == "images"
    for name in ("grace-cifar10", "grace-cora-cpu", "simclr-cora", "cora", "grace-cora.yaml", "grace-", ""):
        assert RecipeName.parse(name) is None


def test_any_data_of_its_kind_go_with_a_method():
    assert recipe_settings("bgrl-computers")["data"]["init_args"] == {"dataset": "computers"}
    bgrl, computers = (recipe_settings(name)["model"] for name in ("bgrl", "bgrl-computers"))
    assert bgrl == computers
    assert "not chosen for these data" in recipe_card("bgrl-computers")["recipe"]
    for kind in KINDS:
        parts = [*names(kind, "methods"), *names(kind, "variants")]
        for part, data in itertools.product(parts, names(kind, "data")):
            assert recipe_settings(f"{part}-{data}")["data"]["init_args"]["dataset"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_name_and_data_are_the_name_of_both(kind):
    for part, data in itertools.product([*names(kind, "methods"), *names(kind, "variants")], names(kind, "data")):
        chosen = RecipeName.parse(f"{kind}/{part}", data)
        assert str(chosen) == f"{part}-{data}" and chosen == RecipeName.parse(f"{kind}/{part}-{data}")
        assert recipe_settings(f"{kind}/{part}", data) == recipe_settings(f"{kind}/{part}-{data}")


def test_data_choose_the_kind_and_the_size_where_the_name_does_not():
    assert RecipeName.parse("vicreg", "cora") == RecipeName("graphs", "vicreg", "cora")
    assert RecipeName.parse("vicreg", "digits") == RecipeName("images", "vicreg", "digits", "cpu")
    assert RecipeName.parse("simclr-cpu", "cifar10") == RecipeName("images", "simclr", "cifar10", "cpu")
    assert RecipeName.parse("grace-cora", "photo").data == "cora"
    for data in ("graph.pt", "sparse_sbm", "cifar10", ""):  # a file, a generator, another kind
        assert RecipeName.parse("grace", data) == RecipeName("graphs", "grace")
    with pytest.raises(RecipeError, match=r"'data.dataset' must .* 'simclr-gpu' \(got 'digits', which is 'cpu' only\)"):
        recipe_settings("simclr-gpu", "digits")
    with pytest.raises(RecipeError, match="no recipe or file 'simclr-digits-gpu'; did you mean 'simclr-digits-cpu'"):
        recipe_settings("simclr-digits-gpu")


def test_data_reach_the_base_of_a_file(tmp_path):
    write(tmp_path, mine={"base": "grace", "trainer": {"max_epochs": 7}})
    expected = recipe_settings("grace-cora") | {"trainer": {"max_epochs": 7}}
    assert recipe_settings(tmp_path / "mine.yaml", "cora") == expected


def test_a_variant_has_what_its_base_says_of_data_and_size():
    temperature = [
        arguments(f"simclr-knn-{name}")["loss"]["init_args"]["temperature"]
        for name in ("cifar10", "cifar10-cpu", "digits")
    ]
    assert temperature == [0.7, 0.2, 0.1]
    louvain, plain = arguments("grace-louvain-pubmed"), arguments("grace-pubmed")
    assert louvain.pop("rewire")["init_args"]["find"]["init_args"]["min_size"] == 20 and louvain == plain
    loader = recipe_settings("grace-communities-arxiv")["data"]["init_args"]["loader"]
    assert loader["class_path"] == "gnnclr.node.CommunityLoader" and "community" in loader["init_args"]


def test_layers_alone_have_names():
    assert recipe_settings("cora")["data"]["init_args"] == {"dataset": "cora"}
    assert recipe_settings("cpu")["trainer"]["max_epochs"] == 20
    recipe_settings("cora")["model"]["optimizer"]["init_args"]["lr"] = 5.0  # is the caller's own
    assert recipe_settings("cora")["model"]["optimizer"]["init_args"]["lr"] == 0.001


def test_a_file_is_merged_over_its_bases_in_order(tmp_path):
    write(
        tmp_path,
        colder={"model": {"method": {"init_args": {"loss": {"init_args": {"temperature": 0.1}}}}}},
        longer={"trainer": {"max_epochs": 7}, "card": {"paper": "mine"}},
        mine={"base": ["grace-cora", "colder.yaml", "longer.yaml"], "seed_everything": 3},
        last={"base": str(tmp_path / "mine.yaml"), "trainer": {"max_epochs": 8}},
    )
    mine, last, plain = (recipe_settings(x) for x in (tmp_path / "mine.yaml", tmp_path / "last.yaml", "grace-cora"))
    plain["model"]["method"]["init_args"]["loss"]["init_args"]["temperature"] = 0.1
    assert mine == plain | {"seed_everything": 3, "trainer": {"max_epochs": 7}}
    assert last == mine | {"trainer": {"max_epochs": 8}}


def test_a_base_that_leads_back_is_refused(tmp_path):
    write(tmp_path, one={"base": "two.yaml"}, two={"base": ["grace", "one.yaml"]}, self={"base": "self.yaml"})
    with pytest.raises(
        RecipeError, match=r"one\.yaml: 'base' leads back to itself: \S*one.yaml -> \S*two.yaml -> \S*one"
    ):
        recipe_settings(tmp_path / "one.yaml")
    with pytest.raises(RecipeError, match=r"self\.yaml: 'base' leads back to itself"):
        recipe_settings(tmp_path / "self.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "base: gracee",
            r"bad.yaml: 'base' must name recipes or files: there is no recipe or file 'gracee'; did you m",
        ),
        ("base: 3", r"bad.yaml: 'base' must be a recipe or a list of recipes \(got 3\)"),
        ("base: [grace, {a: 1}]", r"bad.yaml: 'base' must be a recipe or a list of recipes"),
        ("model: {method: ]", r"bad.yaml' must hold the settings .* text that is none: .*line 1"),
        ("- 1", r"bad.yaml' must hold the settings of a recipe as YAML, 'model', 'data' and so on \(got \[1\]\)"),
        ("", r"bad.yaml' must hold the settings of a recipe .*got nothing"),
    ],
)
def test_files_that_are_no_recipes(text, message, tmp_path):
    write(tmp_path, bad=text)
    with pytest.raises(RecipeError, match=message):
        recipe_settings(tmp_path / "bad.yaml")


def test_unknown_names_say_which_is_near():
    for name, near in {"grace-cra": "grace-cora", "bgrl-computer": "bgrl-computers", "corra": "cora"}.items():
        with pytest.raises(RecipeError, match=f"there is no recipe or file '{name}'; did you mean '{near}'"):
            recipe_settings(name)


def test_numbers_are_read_as_the_command_reads_them(tmp_path):
    write(tmp_path, mine="{a: 1e-5, b: -2.5E+3, c: 7, d: .5, e: 1.0, f: '1e-5', g: e5, h: null}")
    assert list(recipe_settings(tmp_path / "mine.yaml").values()) == [1e-5, -2500.0, 7, 0.5, 1.0, "1e-5", "e5", None]


def test_cards():
    cards = recipe_cards()
    assert list(cards) == available_recipes()
    for name, card in cards.items():
        assert {"summary", "method", "paper", "formula"} <= set(card), name
        assert all(isinstance(text, str) for text in card.values()), name
        parsed = RecipeName.parse(name)
        assert ("base" in card) == ("technique" in card) == parsed.is_variant, name
        assert RecipeName.parse(card.get("base", name)) is not None
        if card["summary"].startswith("Needs"):
            assert parsed.data is None
    assert cards["simclr-attn-cifar10-cpu"]["base"] == "simclr-cifar10-cpu"
    assert cards["simclr-gatv2-cifar10"]["base"] == "simclr-knn-cifar10"
    assert cards["directset-cifar10"]["base"] == "byol-cifar10"
    published = {name for name, card in cards.items() if "published" in card}
    assert published == {
        f"{x}{y}" for x in ("simclr", "simclr-attn", "simsiam", "simsiam-multi") for y in ("", "-cifar10")
    }


def test_when_names_layers():
    for kind in KINDS:
        known = {*names(kind, "data"), *names(kind, "size")}
        for folder in ("methods", "variants", "parts"):
            for name in names(kind, folder):
                assert set(layer(kind, folder, name).get("when", {})) <= known, name
                if folder != "parts":
                    data = layer(kind, folder, name)["card"]["data"]
                    assert set(data) <= set(names(kind, "data")) and not re.search(r"[^a-z0-9-]", name)
