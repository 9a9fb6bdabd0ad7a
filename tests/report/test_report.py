import base64
import copy
import re

import forked
import pytest
import torch
import torch.nn.functional as F

from gnnclr.graph import AddKNNPositives, ContrastGraph, DataNeighborRewiring, Negatives, augmentation_graph
from gnnclr.graph.pair_exceptions import add_extra_negatives, ignore_negatives
from gnnclr.nn import UniformityConv
from gnnclr.report import (
    Section,
    data_uri,
    draw_batch_graph,
    html_table,
    plot_dynamics,
    project,
    scatter_embedding,
    write_report,
)
from gnnclr.report.figure import ATTRACT, DARK, INK, MUTED, NEIGHBOR, REPEL, class_color, light_and_dark


def batch(n=8, d=6):
    torch.manual_seed(0)
    z = F.normalize(torch.randn(n, d), dim=1)
    return augmentation_graph([z, F.normalize(z + 0.1 * torch.randn(n, d), dim=1)])


def lines(figure):
    return [line for line in figure.axes[0].lines if len(line.get_xdata())]


def test_batch_graph_draws_every_edge_once():
    graph = batch()
    assert len(lines(draw_batch_graph(graph, strongest=10))) == 8 + 10
    graph = AddKNNPositives(k=1)(graph)
    pairs = {tuple(sorted(edge)) for edge in graph.edge_index.t().tolist()}
    figure = draw_batch_graph(graph, torch.arange(8).repeat(2), torch.rand(16, 1, 5, 5), strongest=3)
    assert len(lines(figure)) == len(pairs) + 3
    assert "positives of other samples attract" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def drawn_pairs(figure, graph, color):
    """The pairs of nodes between which lines of a color are drawn."""
    position = torch.as_tensor(figure.axes[0].collections[0].get_offsets())
    ends = [torch.as_tensor(line.get_xydata()) for line in lines(figure) if line.get_color() == color]
    return {tuple(sorted(torch.cdist(end, position).argmin(dim=1).tolist())) for end in ends}


LABELS = torch.arange(8) % 3
NEIGHBORS = torch.tensor([[1, 2, 5], [0, 0, 6]])
RULES = {
    "neighbors in the data": lambda views: DataNeighborRewiring().bind(NEIGHBORS)(augmentation_graph(views)),
    "kNN positives": lambda views: AddKNNPositives(k=4)(augmentation_graph(views)),
    "labels": lambda views: augmentation_graph(views, labels=LABELS),
    "implicit positives": lambda views: augmentation_graph(views, labels=LABELS, edges=False),
    "the other view": lambda views: augmentation_graph(views, negatives=Negatives(scope="other")),
    "the same view": lambda views: augmentation_graph(views, negatives=Negatives(scope="same")),
    "one view": lambda views: augmentation_graph(views, negatives=Negatives(candidates=(1,))),
    "a bank alone": lambda views: augmentation_graph(views, negatives=Negatives(candidates=()), bank=views[0] + 1),
    "a bank": lambda views: augmentation_graph(views, bank=views[0] + 1),
    "ignored": lambda views: ignore_negatives(augmentation_graph(views), torch.tensor([[*range(1, 16)], [0] * 15])),
    "explicit": lambda views: ContrastGraph(
        torch.cat(views), sample=torch.arange(8).repeat(2), negative_index=torch.tensor([[0, 1, 3, 3], [2, 5, 7, 3]])
    ),
    "ignored and extra": lambda views: add_extra_negatives(
        augmentation_graph(views, negatives=Negatives(candidates=())),
        torch.tensor([[3, 0], [1, 9]]),
        torch.tensor([2.0, 1.0]),
        torch.tensor([0.0, -1.0]),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_only_negatives_are_drawn_as_such(name):
    """The pairs that the loss pushes apart, by its gradient with respect to each pair's score, and no others."""
    graph = RULES[name](list(batch().x.double().chunk(2)))
    layer = UniformityConv(temperature=0.5)
    # A score of one pair alone is raised by moving to orthogonal coordinates of its own.
    repel = set()
    for i in range(16):
        for j in range(i):
            graph_ij = copy.copy(graph)
            z = torch.cat([graph.x, torch.zeros(16, 1, dtype=torch.double)], dim=1)
            if graph.bank is not None:
                graph_ij.bank = torch.cat([graph.bank.rows, torch.zeros(len(graph.bank), 1, dtype=torch.double)], dim=1)
            before = layer.energy(z, graph_ij)
            z[[i, j], -1] = 0.1
            repel |= {(j, i)} if float(layer.energy(z, graph_ij) - before) > 1e-9 else set()
    assert drawn_pairs(draw_batch_graph(graph, strongest=200), graph, REPEL) == repel


def test_the_strongest_negatives_are_those_of_the_softmax():
    graph = batch()
    pairs = drawn_pairs(draw_batch_graph(graph, strongest=5, temperature=0.2), graph, REPEL)
    logit = (graph.x @ graph.x.t() / 0.2).masked_fill(graph.sample[:, None] == graph.sample, -torch.inf)
    share = logit.softmax(dim=1)
    share = (share + share.t()).triu(1)
    assert pairs == {tuple(divmod(index, 16)) for index in share.flatten().topk(5).indices.tolist()}


def test_rows_of_a_bank_that_attract_are_nodes():
    """Each anchor is joined with the nearest of its positives in the bank, and rows without an anchor are not drawn."""
    torch.manual_seed(0)
    bank, x = F.normalize(torch.randn(5, 6), dim=1), F.normalize(torch.randn(4, 6), dim=1)
    edge_index = torch.tensor([[4, 5, 6, 8, 8, 1], [0, 0, 0, 2, 3, 0]])  # rows of the bank from 4 on
    figure = draw_batch_graph(ContrastGraph(x, edge_index, bank=bank))
    nodes, rows = figure.axes[0].collections
    assert len(nodes.get_offsets()) == 4 and len(rows.get_offsets()) == 2
    position = torch.tensor([*nodes.get_offsets().tolist(), *rows.get_offsets().tolist()], dtype=torch.double)
    dashed = [torch.as_tensor(line.get_xydata()) for line in lines(figure) if line.get_color() == NEIGHBOR]
    ends = {tuple(sorted(torch.cdist(end.double(), position).argmin(dim=1).tolist())) for end in dashed}
    assert ends == {(0, 1), (0, 4), (2, 5), (3, 5)}


def test_drawing_leaves_the_graph_alone():
    graph = batch()
    before = graph.to_dict()
    draw_batch_graph(graph)
    assert all(graph[key] is value for key, value in before.items())


def test_batch_graph_parts_equal_embeddings():
    z = torch.ones(4, 3)
    figure = draw_batch_graph(augmentation_graph([z, z]))
    points = figure.axes[0].collections[0].get_offsets()
    assert len({tuple(p) for p in points.round(4).tolist()}) == 8


def test_batch_graph_refuses_what_no_page_can_show():
    with pytest.raises(ValueError, match=r"'graph' must have at most 200 nodes to be drawn \(got 202\)"):
        draw_batch_graph(batch(n=101))


def test_pca_finds_the_plane_of_the_data():
    torch.manual_seed(0)
    angle = torch.rand(50) * 6.28
    z = torch.stack([angle.cos(), angle.sin(), torch.zeros(50), torch.zeros(50)], dim=1)
    y = project(z, "pca")
    assert torch.allclose(torch.cdist(y, y), torch.cdist(z, z), atol=1e-3)


def test_tsne_separates_clusters_and_repeats():
    torch.manual_seed(0)
    z = torch.cat([torch.randn(20, 5) * 0.1 + 3 * torch.eye(5)[i] for i in range(2)])
    y = project(z)
    assert torch.equal(y, project(z))
    assert (
        torch.cdist(y, y)
        .add(torch.eye(40) * 1e9)
        .argmin(dim=1)
        .div(20, rounding_mode="floor")
        .equal(torch.arange(40) // 20)
    )


def test_scatter_has_a_panel_each():
    z, y = torch.randn(30, 4), torch.arange(30) % 3
    figure = scatter_embedding({"before": z, "after": z[:, :2]}, y, method="pca", most=10)
    assert [axis.get_title() for axis in figure.axes] == ["before", "after"]
    assert all(len(axis.collections[0].get_offsets()) == 10 for axis in figure.axes)
    with pytest.raises(ValueError, match=r"'embeddings\['x'\]' must have shape \[30, d\]"):
        scatter_embedding({"x": z[:5]}, y)
    with pytest.raises(ValueError, match="'method' must be one of"):
        scatter_embedding({"x": z}, y, method="umap")


def test_dynamics(tmp_path):
    (tmp_path / "m.csv").write_text("step,epoch,loss,alignment\n1,0,4.0,\n2,0,2.0,1.0\n")
    figure = plot_dynamics({"a": tmp_path / "m.csv"}, ["loss", "alignment"], smooth=0.5)
    raw, mean = figure.axes[0].lines
    assert list(raw.get_ydata()) == [4.0, 2.0] and list(mean.get_ydata()) == pytest.approx([4.0, 8 / 3])
    assert list(figure.axes[1].lines[0].get_xdata()) == [2.0]
    (tmp_path / "n.csv").write_text("step,epoch,loss\n1,0,3.0\n2,0,1.")  # cut within a line
    figure = plot_dynamics({"seeds": [tmp_path / "m.csv", tmp_path / "n.csv"], "b": tmp_path / "n.csv"}, ["loss"])
    assert [len(line.get_xdata()) for line in figure.axes[0].lines[1::2]] == [2, 1, 1]
    colors = [line.get_color() for line in figure.axes[0].lines[1::2]]
    assert colors[0] == colors[1] != colors[2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["seeds", "b"]
    with pytest.raises(ValueError, match=r"none' must be the metrics.csv of a run"):
        plot_dynamics({"a": tmp_path / "none"})
    with pytest.raises(ValueError, match=r"got 'uniformity'; there are alignment, loss"):
        plot_dynamics({"a": tmp_path / "m.csv"})


def test_table_marks_the_best_and_escapes():
    table = html_table({"<raw>": {"a": "1.5", "b": "x"}, "trained": {"a": "12.0 ± 0.3"}})
    assert "&lt;raw&gt;" in table and "<raw>" not in table
    assert re.findall(r'class="best">([^<]*)', table) == ["12.0 ± 0.3"]
    assert "<td>–</td>" in table
    assert "best" not in html_table({"a": {"lr": "0.1"}, "b": {"lr": "0.2"}}, best=False)


def test_report_is_one_file(tmp_path):
    figure = draw_batch_graph(batch())
    section = Section("One batch", "A & B", {"raw": {"kNN": "1"}}, [(figure, "caption")], {"more": "x: <1>"})
    path = write_report(tmp_path / "out" / "report.html", "Title", "Lead", [section], "footer")
    text = path.read_text()
    assert text.startswith("<!doctype html>") and "A &amp; B" in text and "x: &lt;1&gt;" in text
    assert re.search(r'src="data:image/svg\+xml;base64,', text)
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_figures_as_png():
    assert data_uri(draw_batch_graph(batch()), "png").startswith("data:image/png;base64,iVBOR")


def test_figures_for_dark_pages_are_the_same_in_other_colors():
    light, dark = (base64.b64decode(uri.split(",")[1]).decode() for uri in light_and_dark(draw_batch_graph(batch())))
    assert INK in light and ATTRACT in light and not any(color in dark for color in DARK)
    for color, lighter in DARK.items():
        light = light.replace(color, lighter)
    assert light == dark


def test_plots_leave_matplotlib_alone():
    code = (
        "import sys; sys.modules.pop('matplotlib.pyplot', None)\n"
        "import torch; from gnnclr.report import data_uri, scatter_embedding\n"
        "data_uri(scatter_embedding({'x': torch.randn(9, 3)}, torch.arange(9), 'pca'))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert forked.Forked(forked.code, code).finish()[0] == "False\n"


def test_rows_without_a_label_are_muted():
    figure = scatter_embedding({"z": torch.randn(6, 3)}, torch.tensor([0, 1, -1, 2, float("nan"), 10]), method="pca")
    colors = {tuple(color) for color in figure.axes[0].collections[0].get_facecolors()[:, :3]}
    assert len(colors) == 4 and class_color(-1) == MUTED and class_color(0) == class_color(10) != MUTED
