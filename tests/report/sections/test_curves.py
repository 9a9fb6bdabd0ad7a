from types import SimpleNamespace

from gnnclr.report.figure import LINES
from gnnclr.report.sections.curves import curves_section


def group(name, *files):
    return SimpleNamespace(name=name, metrics=list(files))


def test_a_figure_for_each_metric_with_the_same_colors(tmp_path):
    for name, text in {
        "a": "step,epoch,lr,loss,kNN\n1,0,0.1,4.0,\n3,0,0.1,2.0,0.5\n",
        "b": "step,epoch,lr,loss,kNN\n1,0,0.1,5.0,\n3,0,0.1,3.0,0.6\n",
        "c": "step,epoch,lr,loss,alignment,effective_rank\n1,0,0.1,1.0,0.5,9.0\n",
    }.items():
        (tmp_path / name).write_text(text)
    section = curves_section([group("c", tmp_path / "c"), group("ab", tmp_path / "a", tmp_path / "b"), group("none")])
    axes = [figure.axes[0] for figure, _ in section.figures]
    assert [axis.get_title() for axis in axes] == ["loss", "alignment", "effective_rank", "kNN", "lr"]
    (knn,) = [axis for axis in axes if axis.get_title() == "kNN"]
    assert {line.get_color() for line in knn.lines} == {LINES[1]} and len(knn.lines) == 4
    assert [axis.lines[1].get_marker() for axis in axes[:2]] == ["o", "o"], "a line of one point is none"
    assert section.notes == ["Missing of none: nothing was logged"]
