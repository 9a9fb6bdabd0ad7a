import pytest

from gnnclr.train import Run, parse_recipe
from gnnclr.train.validation.asked import check_can_validate, validation_overrides


def test_what_asks():
    def limit(trainer, *overrides):
        return validation_overrides(trainer, overrides)

    on, off = ["--trainer.limit_val_batches=1.0"], ["--trainer.limit_val_batches=0"]
    assert limit({}) == limit({}, "--trainer.num_sanity_val_steps=0") == limit({}, "--trainer.max_epochs=2") == []
    assert limit({}, "--trainer.check_val_every_n_epoch", "2") == limit({"val_check_interval": 0.5}) == on
    assert limit({}, "--trainer.limit_val_batches=3", "--trainer.check_val_every_n_epoch=2") == []
    assert limit({}, "--trainer.limit_val_batches=null") == on
    whole = {"check_val_every_n_epoch": 1, "val_check_interval": None}
    assert limit({**whole, "limit_val_batches": 0}) == limit({**whole, "limit_val_batches": 2}) == []
    assert limit({**whole, "limit_val_batches": None}) == off  # as runs wrote it before there was a loop
    assert limit({**whole, "limit_val_batches": 0}, "--trainer.check_val_every_n_epoch=5") == on


def test_what_cannot_be_validated(tmp_path):
    with pytest.raises(ValueError, match=r"'trainer\.limit_val_batches' must be 0 for a graph.*'watch\.every_n_"):
        Run(parse_recipe("grace-sbm", ["--trainer.check_val_every_n_epoch=2"]), tmp_path).fit()
    for name, part in (("simclr-memory", "FeatureBank"), ("simsiam-multi", "StageMemory")):
        recipe = parse_recipe(name, ["--data.dataset=digits", "--model.method.projector.in_features=8"])
        with pytest.raises(ValueError, match=rf"must be 0 for a method with {part}, which knows training samples"):
            check_can_validate(Run(recipe, tmp_path).build().model.method)
