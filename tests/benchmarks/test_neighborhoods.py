import pytest

from benchmarks.graphs.neighborhoods import recipe_of
from benchmarks.pages.neighborhoods import DATASETS, ROWS, neighborhoods_records, text


@pytest.mark.parametrize("dataset", DATASETS)
def test_rows_differ_in_batches_and_positives_alone(dataset):
    made = {row: recipe_of(dataset, row).parsed for row in ROWS}
    for row, recipe in made.items():
        loader = recipe.data.init_args.loader
        assert loader.class_path.rpartition(".")[2] == ("RandomNodeLoader" if "random" in row else "NeighborhoodLoader")
        assert (recipe.model.method.init_args.rewire is not None) == ("attract" in row)
        assert (recipe.data.init_args.neighbors is None) == (row == "random nodes")
        assert loader.init_args.batch_size == {"cora": 512, "photo": 1024}[dataset]
        assert recipe.model.method.init_args.batch_size is None
    assert (
        len({(r.trainer.max_epochs, str(r.model.optimizer), str(r.model.method.init_args.loss)) for r in made.values()})
        == 1
    )


def test_the_page_has_a_table_for_each_data_set(tmp_path):
    assert text(tmp_path, "neighborhoods") == ""
    records = neighborhoods_records(tmp_path)
    for seed, test in enumerate((0.8, 0.82)):
        key = {"dataset": "cora", "row": ROWS[0], "seed": seed, "settings": "x"}
        records.put([key | {"val": 0.7, "test": test, "seconds": 3.0}])
    lines = text(tmp_path, "neighborhoods").splitlines()
    assert lines[-1].split("|")[1:3] == [" random nodes ", " 81.0 ± 1.4 "] and "**Photo**" not in lines
