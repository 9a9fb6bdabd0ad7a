import pytest
import yaml

from gnnclr.configs import recipe_settings
from gnnclr.configs.merge import merge
from gnnclr.train import ImageData, PhotoData, Run, parse_recipe
from gnnclr.train.processes.step_size import StepSize, other_step_size


def test_shares():
    each, total = StepSize.given(12, None, 64), StepSize.given(None, 12, 64)
    assert [each.of_each(n) for n in (1, 5)] == [12, 12] and [total.of_each(n) for n in (1, 2, 3, 6)] == [12, 6, 4, 2]
    assert StepSize.given(None, None, 64).of_each(3) == 64
    assert (each.field, each.size, total.field, total.size) == ("data.batch_size", 12, "data.global_batch_size", 12)


@pytest.mark.parametrize(("size", "processes", "fits"), [(1000, 3, "999 or 1002"), (4, 3, "6"), (6, 6, "12")])
def test_an_uneven_share_is_refused(size, processes, fits):
    match = rf"'data.global_batch_size' must be a multiple of the {processes} processes.*as {fits} \(got {size}\)"
    with pytest.raises(ValueError, match=match):
        StepSize.given(None, size, 64).of_each(processes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((8, 16), r"'data.global_batch_size' must be None beside a 'data.batch_size'.* \(got 16 and 8\)"),
        ((1, None), "'data.batch_size' must be an integer of at least 2"),
        ((None, 1), "'data.global_batch_size' must be an integer of at least 2"),
    ],
)
def test_wrong_sizes(sizes, message):
    for make in (lambda **sizes: ImageData("digits", **sizes), PhotoData):
        with pytest.raises(ValueError, match=message):
            make(batch_size=sizes[0], global_batch_size=sizes[1])


def sizes(recipe):
    return recipe.data.init_args.batch_size, recipe.data.init_args.global_batch_size


@pytest.mark.parametrize("config", ["simclr-digits", "simclr-folder"])
def test_the_one_that_a_user_gives_wins(config):
    assert sizes(parse_recipe(config))[1] is None
    assert sizes(parse_recipe(config, ["--data.global_batch_size=32"])) == (None, 32)
    assert sizes(parse_recipe(config, ["--data.init_args.global_batch_size", "32"])) == (None, 32)
    assert sizes(parse_recipe(config, ["--data.batch_size=32"])) == (32, None)


def test_later_layers_win(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("base: simclr-digits\ndata: {init_args: {global_batch_size: 32}}\n")
    assert "batch_size" not in recipe_settings(path)["data"]["init_args"]
    assert sizes(parse_recipe(str(path))) == (None, 32)
    assert sizes(parse_recipe(str(path), ["--data.batch_size=16"])) == (16, None)
    whole = {"batch_size": 8, "global_batch_size": None}  # as a run writes it
    assert merge({"global_batch_size": 32}, whole) == whole == merge(whole, {"global_batch_size": None})
    run = Run(parse_recipe(str(path)), tmp_path)
    path.write_text(run.settings())
    assert sizes(parse_recipe(str(path))) == (None, 32) and yaml.safe_load(run.settings())
    assert other_step_size({"batch_size": 8}, ["--data.batch_size=1", "--data.global_batch_size=2"]) == []


def test_both_or_an_uneven_share_end_before_anything_is_read(tmp_path):
    for options, message in (
        (["--data.batch_size=32", "--data.global_batch_size=64"], "must be None beside"),
        (["--data.global_batch_size=63", "--trainer.devices=2"], r"'data\.global_batch_size' must be a multiple of"),
    ):
        with pytest.raises(ValueError, match=message):
            Run(parse_recipe("simclr-digits", ["--trainer.accelerator=cpu", *options]), tmp_path / "run").fit()
    assert not (tmp_path / "run").exists()


def test_a_batch_that_images_do_not_fill():
    data = ImageData("digits", global_batch_size=4096)
    data.setup("fit")
    with pytest.raises(ValueError, match=r"'data\.global_batch_size' must be at most the \d+ images \(got 4096\)"):
        data.batches()
    with pytest.raises(ValueError, match=r"'data\.limit' must be at least the batch size of 64"):
        ImageData("digits", global_batch_size=64, limit=32)
