import pytest
import torch
from lightning.pytorch import Trainer

from gnnclr.configs import RecipeName, recipe_settings
from gnnclr.train import RecipeError, Run, available_recipes, parse_recipe

#: Data that need no files.
SMALL = {"images": ["--data.dataset=digits"], "graphs": ["--data.dataset=sbm", "--data.probed=10"]}


#: One recipe of each method with other settings; those that differ in data or trainer alone are not built again.
BUILT = {str(recipe_settings(name)["model"]): name for name in available_recipes() if not name.startswith("multiplex")}


#: One of these for each method and variant, whose fields and classes are the same on all data and in all sizes.
WRITTEN = {RecipeName.parse(name).part: name for name in BUILT.values()}


@pytest.fixture
def any_weights(monkeypatch):
    """Weights that nobody looks at are not drawn, which would take longer than all the rest of a large encoder."""
    for name in ("kaiming_normal_", "kaiming_uniform_", "xavier_uniform_", "trunc_normal_"):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *args, **kwargs: tensor)


@pytest.mark.parametrize("name", sorted(BUILT.values()))
def test_every_recipe_builds_and_survives_its_own_yaml(name, tmp_path, any_weights):
    run = Run(parse_recipe(name, SMALL[RecipeName.parse(name).kind]), tmp_path)
    built = run.build()
    assert hasattr(built.model.method, "training_step_loss")
    assert -1 not in [value for key, value in run.recipe.items() if key.endswith("channels")]
    if name in WRITTEN.values():
        text = run.settings()
        (tmp_path / "config.yaml").write_text(text)
        assert Run.open(tmp_path).settings() == text


@pytest.mark.parametrize(("name", "data"), [("byol", "digits"), ("bgrl", "sbm")])
def test_bare_names_train_on_data_by_name(name, data, tmp_path):
    size = {"digits": "--data.size=8", "sbm": "--data.size=200"}[data]
    run = Run(parse_recipe(name, [f"--data.dataset={data}", size]), tmp_path)
    assert run.settings() == Run(parse_recipe(f"{name}-{data}", [size]), tmp_path).settings()
    built = run.build()
    before = [weight.clone() for weight in built.model.parameters() if weight.requires_grad]
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    Trainer(max_epochs=1, enable_model_summary=False, **quiet).fit(built.model, built.data)
    after = [weight for weight in built.model.parameters() if weight.requires_grad]
    assert sum((a != b).any() for a, b in zip(after, before)) > len(before) // 2


def test_overrides_reach_every_depth():
    recipe = parse_recipe(
        "simclr-digits",
        [
            "--model.method.loss.temperature=0.3",
            "--model.optimizer.lr",
            "0.5",
            "--seed_everything=7",
            "--trainer.max_epochs=3",
        ],
    )
    assert recipe.model.method.init_args.loss.init_args.temperature == 0.3
    assert recipe.model.optimizer.init_args.lr == 0.5
    assert recipe.trainer.max_epochs == 3
    assert recipe.data.init_args.seed == 7


def test_same_seed_same_weights(small_graph, tmp_path):
    def weight(recipe):
        return Run(recipe, tmp_path).build().model.method.encoder.layers[0].weight

    first = weight(small_graph)
    assert (first == weight(small_graph)).all()
    small_graph.seed_everything = 1
    assert (first != weight(small_graph)).any()


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("--trainer.max_epoch=3", "--trainer.max_epochs"),
        ("--data.batchsize=3", "--data.batch_size"),
        ("--model.method.temprature=3", "--model.method.loss.temperature"),
        ("--model.method.loss.temprature=3", "--model.method.loss.temperature"),
        ("--sed_everything=3", "--seed_everything"),
        ("--data.seed=3", "--seed_everything"),
    ],
)
def test_unknown_fields_name_the_nearest(override, meant):
    with pytest.raises(RecipeError, match=f"did you mean '{meant}'"):
        parse_recipe("simclr-digits", [override])


def test_fields_that_only_some_data_have_say_so():
    with pytest.raises(RecipeError, match=r"unknown field 'captions.*': only images in memory"):
        parse_recipe("clip-captions-folder", ["--data.root=photos"])
    with pytest.raises(RecipeError, match=r"unknown field 'textures': only images have textures"):
        parse_recipe("grace-sbm", ["--data.textures=gnnclr.vision.Textures"])


def test_unknown_fields_of_a_method_without_data():
    with pytest.raises(RecipeError, match=r"unknown option '--trainer.max_epoch'; did you mean '--trainer.max_epochs'"):
        parse_recipe("grace", ["--data.dataset=sbm", "--trainer.max_epoch=3"])


def test_unknown_fields_of_a_file_name_the_nearest(tmp_path):
    (tmp_path / "mine.yaml").write_text("{base: grace-sbm, trainer: {max_epoch: 3}}")
    with pytest.raises(RecipeError, match=r"mine.yaml: unknown field 'max_epoch'; did you mean '--trainer.max_epochs'"):
        parse_recipe(str(tmp_path / "mine.yaml"))


def test_unknown_recipe_says_where_the_names_are():
    with pytest.raises(
        RecipeError, match=r"no recipe or file 'simclr-digit'; did you mean 'simclr-digits'.*gnnclr list"
    ):
        parse_recipe("simclr-digit")


def test_several_recipes_are_merged_in_order(tmp_path):
    (tmp_path / "mine.yaml").write_text("{trainer: {max_epochs: 3}, seed_everything: 5}")
    mine = str(tmp_path / "mine.yaml")
    recipe = parse_recipe(["grace-sbm", mine], ["--seed_everything=6"])
    assert recipe.trainer.max_epochs == 3 and recipe.seed_everything == recipe.data.init_args.seed == 6
    assert parse_recipe([mine, "grace-sbm"]).trainer.max_epochs == 100
    with pytest.raises(RecipeError, match=r"'config' must be a list .*got '--config=cora' as an override"):
        parse_recipe("grace-sbm", ["--config=cora"])


def test_another_optimizer_does_not_get_the_arguments_of_the_default_one(tmp_path):
    (tmp_path / "mine.yaml").write_text("{base: grace-sbm, model: {optimizer: {class_path: torch.optim.SGD}}}")
    assert parse_recipe(str(tmp_path / "mine.yaml")).model.optimizer.init_args.weight_decay == 0
    (tmp_path / "none.yaml").write_text("{base: grace-sbm, model: {optimizer: null}}")
    with pytest.raises(RecipeError, match=r"'model\.optimizer' must be an optimizer \(got null\)"):
        parse_recipe(str(tmp_path / "none.yaml"))


def test_value_of_the_wrong_type():
    with pytest.raises(RecipeError, match=r"trainer\.max_epochs"):
        parse_recipe("grace-sbm", ["--trainer.max_epochs=many"])


def test_missing_root_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"'data.root' must be the folder with the files of 'cora'"):
        Run(parse_recipe("grace-cora"), tmp_path).build()
