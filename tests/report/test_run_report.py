import html
import json
import re
import statistics

import pytest
from pages import rows, section

from gnnclr.cli import main
from gnnclr.report import report_runs


def notes(page):
    return [html.unescape(note) for note in re.findall(r'<p class="note">(.*?)</p>', page)]


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    folders = [made / "simclr-knn", made / "compared"]
    return report_runs(folders, tmp_path_factory.mktemp("page") / "deep" / "report.html", projection="pca").read_text()


def test_all_that_runs_leave_behind_is_on_one_page(page, compared):
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    of_data = ["Probes", "Over the steps", "One batch is a graph", "Before and after", "Neighbors", "Settings"]
    assert titles == ["What was trained", *(f"{part}: {data}" for data in ("digits", "sbm") for part in of_data)]

    trained = rows(page, "What was trained")
    assert list(trained) == ["simclr-knn", "dgi", "grace"]
    assert trained["simclr-knn"]["rewiring"] == "AddKNNPositives" and trained["simclr-knn"]["data"] == "digits"
    assert trained["grace"]["method"] == "GRACE" and trained["grace"]["seeds"] == "0, 1"
    assert trained["grace"]["steps"] == "2"

    results = [json.loads((compared / "grace" / f"seed-{seed}" / "metrics.json").read_text()) for seed in (0, 1)]
    scores = [100 * result["test"]["trained"]["linear"] for result in results]
    probes = rows(page, "Probes: sbm")
    assert probes["grace"]["linear"] == f"{statistics.fmean(scores):.1f} ± {statistics.stdev(scores):.1f}"
    # DGI normalizes features, so its baselines are others.
    assert probes["raw of grace"]["linear"] == f"{100 * results[0]['test']['raw']['linear']:.1f}"
    baselines = ["raw", "A²X", "raw of grace", "A²X of grace"]
    assert list(probes) == [*baselines, "dgi, untrained", "grace, untrained", "dgi", "grace"]
    assert list(rows(page, "Probes: digits")) == ["raw", "untrained", "simclr-knn"]
    listed = re.search(r"Each seed of grace</summary><pre>(.*?)</pre>", page, re.DOTALL)[1]
    assert all(f"{score:.1f}" in listed for score in scores)

    assert len(rows(page, "Neighbors: sbm")) == 10
    assert rows(page, "Settings: sbm")["model.method"] == {"dgi": "gnnclr.node.DGI", "grace": "gnnclr.node.GRACE"}
    assert "seed_everything" not in rows(page, "Settings: sbm")
    assert f"torch {results[0]['versions']['torch']}" in page
    assert notes(page) == ["Missing of dgi: the loss of DGI makes no graph of its batch"]


def test_page_is_one_file_for_any_screen(page):
    assert "<script" not in page and "http" not in re.sub(r'"data:[^"]*"', "", page)
    assert not re.search(r'(src|href|srcset)="(?!data:)', page)
    assert 'name="viewport"' in page and "prefers-color-scheme: dark" in page
    light, dark = page.count("<img src="), page.count('<source media="(prefers-color-scheme: dark)" srcset=')
    assert light == dark == len(re.findall(r"<figure", page)) > 10


def test_data_that_are_gone_are_named(gone, tmp_path):
    page = report_runs([gone], tmp_path / "report.html").read_text()
    assert rows(page, "Probes")["gone"]["linear"] and "<img" in section(page, "Over the steps")
    for title in ("One batch is a graph", "Before and after", "Neighbors"):
        (note,) = notes(section(page, title))
        assert note.startswith("Missing of gone: 'data.dataset' must be the name of a data set or an existing file")
    assert len(notes(page)) == 3


def test_unfinished_run_is_a_partial_report(unfinished, tmp_path):
    page = report_runs([unfinished], tmp_path / "report.html").read_text()
    assert f"{unfinished} is not finished and has no results: step 1 was logged last" in page
    assert "Missing of unfinished: no run of it is finished" in page
    assert page.count("has no checkpoint checkpoints/last.ckpt") == 3
    assert "<img" in section(page, "Over the steps")


def test_command(gone, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(gone), "--output", "page.html"]) == 0
    assert "the report is page.html" in capsys.readouterr().out and (tmp_path / "page.html").is_file()
    assert main(["report", str(gone), "--output", str(tmp_path)]) == 2
    assert "'--output' must be a file (got the folder" in capsys.readouterr().err


def test_damaged_results_are_named(gone, tmp_path):
    (gone / "metrics.json").write_text('{"steps": 3')
    with pytest.raises(ValueError, match=r"metrics.json' must be the undamaged results of a run"):
        report_runs([gone], tmp_path / "report.html")
