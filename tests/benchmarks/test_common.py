import argparse
import math

import pytest

from benchmarks.common import add_device, add_out, add_root, add_seeds, add_threads
from benchmarks.common.lightly_views import lightly_views
from benchmarks.common.machine import environment, note_origin, origin, words_of
from benchmarks.common.paired import gain
from benchmarks.common.records import Records, latest, numbers, runs


def test_a_run_is_made_once_and_its_line_kept_as_it_was_read(tmp_path, capsys):
    records, made = runs(tmp_path / "x_runs.csv", "row", ("a", "b")), []

    def run():
        made.append(0)
        return {"a": 1 / 3}

    lines = [records.once(run, ["a"], row="r", seed=seed, settings={"k": [1, 2]}) for seed in (0, 0, 1)]
    assert len(made) == 2 and lines[0] == lines[1] and "a 0.333333" in capsys.readouterr().err
    assert lines[0] == {"row": "r", "seed": "0", "a": "0.333333", "b": "", "settings": '{"k": [1, 2]}'}
    assert math.isnan(numbers(lines, "b")[0]) and numbers(lines, "a", 3) == pytest.approx([1, 1, 1], rel=1e-5)


def test_lines_of_a_key_take_the_place_of_earlier_ones(tmp_path):
    records = Records(tmp_path / "x.csv", ("name", "value"), ("name",))
    records.put([{"name": "a", "value": 1}, {"name": "b", "value": 2}])
    records.put([{"name": "a", "value": 3.5}, {"name": "c"}])
    assert [tuple(row.values()) for row in records.rows()] == [("a", "3.5"), ("b", "2"), ("c", "")]
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4


def test_latest_settings_are_reported():
    lines = [{"row": "a", "seed": seed, "settings": kind} for seed, kind in (("0", "x"), ("1", "y"), ("0", "y"))]
    assert [(line["seed"], line["settings"]) for line in latest(lines, "row")["a"]] == [("0", "y"), ("1", "y")]


def test_differences_are_paired_by_seed():
    ours = [{"seed": "1", "x": "0.6"}, {"seed": "0", "x": "0.5"}, {"seed": "9", "x": "0"}]
    base = [{"seed": "0", "x": "0.4"}, {"seed": "1", "x": "0.4"}]
    found = gain(ours, base, "x")
    assert str(found) == "+15.0 ± 7.1" and found.verdict == "no clear difference"


def test_origin_says_how_a_result_was_measured(tmp_path):
    words = words_of(["--root", "/a", "--seeds", "3", "--out=/b"])
    note_origin(tmp_path, "x", ["benchmarks.x", *words], environment(2))
    text = origin(tmp_path, "x")
    assert text.startswith("`python -m benchmarks.x --seeds 3`; cpu ") and "threads 2, python 3." in text
    assert "date 20" in text and "not known" in origin(tmp_path, "y")


def test_options_that_benchmarks_share(monkeypatch):
    monkeypatch.setenv("GNNCLR_DATA", "there")
    parser = argparse.ArgumentParser()
    for add in (add_root, add_out, add_threads, add_device):
        add(parser)
    add_seeds(parser, 3)
    args = parser.parse_args([])
    assert (args.root, args.out.name, args.threads, args.device, args.seeds) == ("there", "results", 1, "cpu", 3)
    assert parser.parse_args(["--seeds", "2", "--threads=4"]).seeds == 2
    for default, said in ((2, "default: 2"), (None, "default: its own")):
        other = argparse.ArgumentParser()
        add_threads(other, default)
        assert other.parse_args([]).threads == default and said in other.format_help()


def test_views_of_lightly_have_the_settings_of_ours():
    pytest.importorskip("lightly", reason="needs lightly, which the extra 'bench' installs")
    settings = {"size": 24, "scale": (0.3, 1.0), "flip": 0.25, "jitter": (0.4, 0.3, 0.2, 0.1), "jitter_p": 0.7}
    settings |= {"grayscale_p": 0.15, "blur_p": 0.35, "mean": (0.1, 0.2, 0.3), "std": [0.4, 0.5, 0.6]}
    one, other = (view.transform.transforms for view in lightly_views(settings).transforms)
    assert [repr(part) for part in one if "object at" not in repr(part)] == [
        repr(part) for part in other if "object at" not in repr(part)
    ]
    parts = {type(part).__name__: part for part in one}
    crop, jitter = parts["RandomResizedCrop"], parts["RandomApply"]
    assert tuple(crop.size) == (24, 24) and crop.scale == (0.3, 1.0) and crop.ratio == pytest.approx((3 / 4, 4 / 3))
    assert parts["RandomHorizontalFlip"].p == 0.25 and parts["RandomGrayscale"].p == 0.15
    assert jitter.p == 0.7 and parts["GaussianBlur"].prob == 0.35
    colors = jitter.transforms[0]
    assert [colors.brightness, colors.contrast, colors.saturation, colors.hue] == [
        pytest.approx(bounds) for bounds in ((0.6, 1.4), (0.7, 1.3), (0.8, 1.2), (-0.1, 0.1))
    ]
    assert list(parts["Normalize"].mean) == [0.1, 0.2, 0.3] and list(parts["Normalize"].std) == [0.4, 0.5, 0.6]
