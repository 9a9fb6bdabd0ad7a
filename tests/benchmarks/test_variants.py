import pytest
import torch

from benchmarks.common import RESULTS
from benchmarks.common.recipes import Settings
from benchmarks.images.variants import EXTRA, SUFFIX, recipes, settings_of
from benchmarks.pages.variants import variants_records


def test_rows_name_the_recipe_and_the_overrides_that_the_benchmark_gives():
    rows = variants_records(RESULTS).rows()
    assert len({row["recipe"] for row in rows}) > 20
    for row in rows:
        assert settings_of(row["recipe"], 10_240).columns == {key: row[key] for key in ("recipe", "overrides")}


@pytest.mark.parametrize("name", ["byol-cifar10-cpu", *EXTRA])
def test_what_a_row_names_can_be_built(name):
    row = next(row for row in variants_records(RESULTS).rows() if row["recipe"] == name)
    method = Settings.read(row).build(channels=3).method
    assert method.encoder(torch.rand(2, 3, 24, 24)).shape[1] == method.projector.in_features == 128


def test_hashes_change_with_the_recipe_and_with_the_number_of_images():
    chosen = [settings_of(name, images).hash for name in list(recipes())[:3] for images in (5120, 10_240)]
    assert len(set(chosen)) == 6 and all(name.endswith(SUFFIX) for name in recipes())
