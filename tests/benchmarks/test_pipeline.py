import argparse
import math

import pytest
from PIL import Image

from benchmarks.images import pipeline
from benchmarks.pages.pipeline import memory_records, pipeline_records, text


def test_every_pipeline_makes_two_views_of_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "BATCH", 4)
    pipeline.write_photos(tmp_path / "photos", 5)
    sizes = {Image.open(path).size for path in (tmp_path / "photos").iterdir()}
    assert sizes == {(width, height) for height, width in pipeline.SHAPES}
    runs = dict(pipeline.one_core(tmp_path / "photos", 32))
    assert {"torchvision v2, per image", "gnnclr, in all, hue='hsv'"} <= set(runs)
    for name, run in runs.items():
        made = run()
        if name.startswith("gnnclr: decode"):
            assert made.shape == (4, 2, 3, 32, 32)
        else:
            assert [view.shape for view in made] == [(4, 3, 32, 32)] * 2, name
    found = pipeline.on_one_core(tmp_path / "photos", 32, 1)
    assert set(found) == set(runs) and all(ms > 0 for ms in found.values())


@pytest.mark.parametrize("source", ["folder", "shards"])
def test_memory_is_that_of_a_whole_listing(source, tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pipeline, "DIFFERENT", 3)
    pipeline.write_many(tmp_path / "many", source, 70)
    assert len(list((tmp_path / "many").iterdir())) == (70 if source == "folder" else pipeline.SHARDS)
    peak = pipeline.take_batches(str(tmp_path / "many"))
    assert math.isnan(peak) or 0 <= peak < 4000


def test_the_page_compares_with_lightly(tmp_path):
    assert text(tmp_path, "pipeline") == ""
    rows = {"gnnclr, in all, hue='hsv'": 4.0, "lightly, per image": 10.0}
    pipeline_records(tmp_path).put({"pipeline": name, "size": 224, "workers": 0, "ms": ms} for name, ms in rows.items())
    memory_records(tmp_path).put({"source": "folder", "photos": n, "MB": mb} for n, mb in ((1000, 20), (3000, 21)))
    page = text(tmp_path, "pipeline")
    assert "| gnnclr, in all, hue='hsv' | 250 | 4.00 | 2.50 |" in page and "Two workers" not in page
    assert "| folder | 3,000 | 21 MB | 524 bytes |" in page


def test_the_command_takes_parts_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "BATCH", 2)
    folder = tmp_path / "photos"
    pipeline.write_photos(folder, 2)
    args = argparse.Namespace(out=tmp_path, sizes=[32], workers=[0], turns=1)
    pipeline.measure(args, folder, {})
    assert {row["workers"] for row in pipeline_records(tmp_path).rows()} == {"0"}
    assert "32 px, 0 workers, torchvision v2, per image" in capsys.readouterr().out
