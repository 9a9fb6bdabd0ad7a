import json
import re
import shutil
import statistics

import pytest
from pages import rows, section

from gnnclr.configs import RecipeError
from gnnclr.eval import paired_difference
from gnnclr.report import report_comparison


def scores(compared, name):
    lines = [json.loads((compared / name / f"seed-{seed}" / "metrics.json").read_text()) for seed in (0, 1)]
    return [100 * line["test"]["trained"]["linear"] for line in lines]


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    return report_comparison(made / "compared", tmp_path_factory.mktemp("page") / "c.html").read_text()


def test_scores_differences_and_costs(page, compared):
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Scores", "Differences from grace", "Seconds and memory"]
    table = rows(page, "Scores")
    assert list(table) == ["raw", "A²X", "raw of dgi", "A²X of dgi", "grace", "dgi"]
    grace, dgi = scores(compared, "grace"), scores(compared, "dgi")
    assert table["grace"]["linear"] == f"{statistics.fmean(grace):.1f} ± {statistics.stdev(grace):.1f}"
    found = paired_difference(dgi, grace)
    assert rows(page, "Differences from grace") == {
        "dgi": {
            "linear": f"{found.mean:+.1f} [{found.mean - found.half:+.1f}, {found.mean + found.half:+.1f}]",
            "kNN": rows(page, "Differences from grace")["dgi"]["kNN"],
        }
    }
    assert set(rows(page, "Seconds and memory")["dgi"]) == {"seconds", "GB"}
    assert "gnnclr compare --configs grace,dgi" in page and "torch_geometric" in page
    for title, figures in (("Scores", 2), ("Differences from grace", 2), ("Seconds and memory", 2)):
        assert section(page, title).count("prefers-color-scheme: dark") == figures


def test_the_page_is_one_file_for_any_screen(page):
    assert "<script" not in page and "http" not in re.sub(r'"data:[^"]*"', "", page)
    assert 'name="viewport"' in page


def test_one_recipe_with_one_seed_has_no_differences(compared, tmp_path):
    folder = shutil.copytree(compared, tmp_path / "one", ignore=shutil.ignore_patterns("grace", "dgi"))
    summary = json.loads((folder / "comparison.json").read_text())
    summary["results"] = {"grace": [summary["results"]["grace"][0] | {"memory_gb": None}]}
    summary["seeds"] = [0]
    (folder / "comparison.json").write_text(json.dumps(summary))
    page = report_comparison(folder)
    assert page == folder / "comparison.html"
    text = page.read_text()
    assert re.findall(r"<h2>(.*?)</h2>", text) == ["Scores", "Seconds and memory"]
    assert set(rows(text, "Seconds and memory")["grace"]) == {"seconds"} and "±" not in section(text, "Scores")


def test_folders_without_a_comparison_are_named(tmp_path):
    with pytest.raises(RecipeError, match="must be the folder of a comparison"):
        report_comparison(tmp_path)
    (tmp_path / "comparison.json").write_text("{}")
    with pytest.raises(ValueError, match="it lacks command, seeds or results"):
        report_comparison(tmp_path)
