import pytest
import torch
from torch_geometric.data import Data

from gnnclr.eval import Split
from gnnclr.node import choose_propagation, propagated_blocks, sbm
from gnnclr.node.choice.criteria import ByLinks, ByValidation
from gnnclr.node.choice.propagation import CELLS
from gnnclr.node.sparse import propagate
from gnnclr.node.sparse.csr import spmm
from gnnclr.node.sparse.propagation_blocks import CONCATENATION

FEW = [(0.05, 2), (0.0, 0)]


@pytest.fixture
def data():
    return sbm(150, num_classes=3, num_features=8, signal=0.2)


def test_the_cells():
    assert len(CELLS) == len(set(CELLS)) == 16 and (0.0, 2) in CELLS


@pytest.mark.parametrize("labeled", [True, False])
def test_a_cell_is_taken_where_it_is_better_by_more_than_a_standard_error(data, monkeypatch, labeled):
    kind, arguments = (ByValidation, (data.y, Split.random(150, 0.3, 0.3))) if labeled else (ByLinks, ())
    criterion = kind(data, *arguments)
    x, edges = criterion.graph.x, criterion.graph.edge_index
    plain = criterion.score(propagated_blocks(x, edges))
    cells = [criterion.score(propagated_blocks(x, edges, [cell])) for cell in FEW]
    choice = choose_propagation(data, *arguments, cells=FEW)
    assert choice.by == criterion.title
    assert list(choice.scores.values()) == [plain, *cells]
    assert choice.error == pytest.approx(criterion.error(plain))
    best = max(cells)
    for factor in (0.99, 1.01):
        monkeypatch.setattr(kind, "error", lambda self, score, f=factor: f * (best - plain))
        chosen = choose_propagation(data, *arguments, cells=FEW)
        taken = ((FEW[cells.index(best)],) if factor < 1 else CONCATENATION) if best > plain else CONCATENATION
        assert chosen.blocks == taken
        assert ("does not exceed" in str(chosen)) == (taken == CONCATENATION)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ((0.5, 0.59, 0.4), CONCATENATION),
        ((0.5, 0.61, 0.4), (FEW[0],)),
        ((0.5, 0.61, 0.62), (FEW[1],)),
        ((0.5, 0.3, 0.2), CONCATENATION),
    ],
)
def test_the_bar(data, monkeypatch, scores, chosen):
    """The standard error is .1."""
    x = data.x
    places = {24: 0, 8: 1}  # by the width: three blocks, or one
    monkeypatch.setattr(ByLinks, "score", lambda self, z: scores[2 if z is x else places[z.size(1)]])
    monkeypatch.setattr(ByLinks, "error", lambda self, score: 0.1)
    choice = choose_propagation(data, cells=FEW)
    assert choice.blocks == chosen and choice.error == 0.1
    assert (" exceeds 60.0" in str(choice)) == (chosen != CONCATENATION)


@pytest.mark.parametrize("labeled", [True, False])
def test_cells_of_one_alpha_are_one_walk(data, monkeypatch, labeled):
    """Values are those of each cell alone, to the last bit; the concatenation is made of three of them."""
    kind, arguments = (ByValidation, (data.y, Split.random(150, 0.3, 0.3))) if labeled else (ByLinks, ())
    graph, seen, products = kind(data, *arguments).graph, [], []
    monkeypatch.setattr(kind, "score", lambda self, z: seen.append(z.clone()) or 0.5)
    monkeypatch.setattr(propagate, "spmm", lambda *args: products.append(1) or spmm(*args))
    choice = choose_propagation(data, *arguments)
    assert len(products) == 52 and list(choice.scores) == [CONCATENATION, *((cell,) for cell in CELLS)]
    for z, blocks in zip(seen, [*((cell,) for cell in CELLS), CONCATENATION], strict=True):
        assert torch.equal(z, propagated_blocks(graph.x, graph.edge_index, blocks))


def test_labels_of_test_nodes_are_not_looked_at(data):
    split = Split.random(150, 0.3, 0.3)
    y = data.y.clone()
    y[split.test] = y[split.test].roll(1)
    one, other = (choose_propagation(data, labels, split, cells=FEW) for labels in (data.y, y))
    assert one == other


def test_weights_of_edges_count(data):
    plain = choose_propagation(data, cells=FEW)
    data.edge_weight = torch.rand(data.num_edges)
    assert choose_propagation(data, cells=FEW).scores != plain.scores


def test_nothing_to_choose_by():
    data = Data(x=torch.randn(4, 3), edge_index=torch.tensor([[0, 1], [1, 0]]))
    choice = choose_propagation(data)
    assert choice.blocks == CONCATENATION and not choice.scores
    assert "nothing to choose by, 'data' must have edges" in str(choice)


def test_wrong_arguments(data):
    with pytest.raises(ValueError, match="'cells' must be pairs of alpha and hops"):
        choose_propagation(data, cells=[])
    with pytest.raises(ValueError, match="'data' must be a Data"):
        choose_propagation(data.x)
