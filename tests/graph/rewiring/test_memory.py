import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import make_views, relative, unit, value_and_gradients
from contracts.rewiring import RewiringContract, shared_memory
from literal_nt_xent import edges_of, literal_nt_xent, others

from gnnclr.graph import AddKNNPositives, FeatureBank, augmentation_graph
from gnnclr.graph.rewiring.memory import AddMemoryPositives
from gnnclr.losses import NTXentLoss
from gnnclr.nn.alignment import AlignmentConv


class TestAddMemoryPositives(RewiringContract):
    def make(self):
        return AddMemoryPositives(shared_memory())


def batch(index=(4, 1, 7)):
    graph = augmentation_graph([view.double() for view in make_views(len(index), 5)])
    graph.sample_id = torch.tensor(index).repeat(2)
    return graph


def memory(ids=(0, 1, 4, 6), size=9):
    bank = FeatureBank(size, 5, mode="sample", dtype=torch.float64)
    rows = torch.randn(len(ids), 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    bank.update(rows, torch.tensor(ids))
    return bank, dict(zip(ids, rows))


def test_the_earlier_row_of_each_sample_attracts_its_views():
    bank, rows = memory()
    graph = AddMemoryPositives(bank, weight=0.3)(batch())
    added = {edge: w for edge, w in edges_of(graph).items() if edge[0] >= 6}
    assert {i for _, i in added} == {0, 1, 3, 4}  # nothing was written for sample 7
    for (p, i), weight in added.items():
        assert weight == pytest.approx(0.3) and torch.equal(graph.bank.rows[p - 6], rows[int(graph.sample_id[i])])
    assert edges_of(graph) == pytest.approx({((i + 3) % 6, i): 1.0 for i in range(6)} | added)
    assert len(graph.bank) == 2 and not graph.negatives.bank and graph.validate()


def test_target_is_the_mean_of_view_and_memory():
    """The message of a weight of one is that of the target of the multi-stage aggregation, half view and half
    memory."""
    bank, rows = memory((4, 1, 7))
    graph = batch()
    graph.x = unit(graph.x)
    bank.update(unit(bank.features), bank.ids)
    graph.anchor = graph.view == 0
    out = AddMemoryPositives(bank, weight=1.0)(graph)
    earlier = torch.stack([unit(rows[i][None])[0] for i in (4, 1, 7)])
    target = (graph.x[3:] + earlier) / 2
    torch.testing.assert_close(AlignmentConv(1.0)(graph.x, out)[:3], target / 3)


def test_equals_literal_loop():
    bank, _ = memory()
    graph = AddMemoryPositives(bank)(batch())
    repels = others(graph, columns=len(graph.bank))
    value, grad = value_and_gradients(lambda x: NTXentLoss(0.3)(x, graph), [graph.x])
    expected, expected_grad = value_and_gradients(
        lambda x: literal_nt_xent(x, edges_of(graph), repels, 0.3, graph.bank.rows), [graph.x]
    )
    assert relative(value, expected) < 1e-11 and relative(grad, expected_grad) < 1e-10


def test_nothing_written_changes_nothing():
    for bank in (FeatureBank(9, 5, mode="sample"), memory((0, 2))[0]):
        graph = AddMemoryPositives(bank)(batch())
        assert graph.edge_index.size(1) == 6 and graph.edge_weight is None and graph.bank is None


def test_twice_changes_nothing_and_other_banks_compose():
    bank, rows = memory()
    add, queue = AddMemoryPositives(bank), FeatureBank(16, 5, dtype=torch.float64)
    queue.update(torch.randn(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    once = add(batch())
    assert edges_of(add(once)) == edges_of(once)
    near = AddKNNPositives(k=2, bank=queue)
    for transforms in ([near, add], [add, near]):
        graph = T.Compose(transforms)(batch())
        assert graph.validate() and graph.edge_index.size(1) == 6 + 4 + 12 and not graph.negatives.bank
        ends = [(graph.bank.rows[p - 6], i) for p, i in edges_of(graph) if p >= 6]
        assert sum(any(torch.equal(x, row) for row in rows.values()) for x, _ in ends) == 4
        assert sum(any(torch.equal(x, row) for row in queue.features) for x, _ in ends) == 12


def test_all_samples_in_the_batch():
    bank, _ = memory((0, 2), size=3)
    graph = augmentation_graph([view.double() for view in make_views(3, 5)])
    added = [edge for edge in edges_of(AddMemoryPositives(bank)(graph)) if edge[0] >= 6]
    assert sorted(i for _, i in added) == [0, 2, 3, 5]


def test_wrong_arguments_and_repr():
    with pytest.raises(ValueError, match="'bank' must be a FeatureBank with mode='sample'"):
        AddMemoryPositives(FeatureBank(4, 5))
    with pytest.raises(ValueError, match="'weight' must be a positive number"):
        AddMemoryPositives(memory()[0], weight=0)
    graph = batch((4, 1, 12))
    with pytest.raises(ValueError, match=r"'data\.sample_id' must index the 9 rows of 'bank' \(got 1 to 12\)"):
        AddMemoryPositives(memory()[0])(graph)
    del graph["sample_id"]
    with pytest.raises(ValueError, match="'bank' must have a row for each of the 3 samples"):
        AddMemoryPositives(memory()[0])(graph)
    assert repr(AddMemoryPositives(memory()[0])) == "AddMemoryPositives(bank=4 rows, weight=0.5)"


def test_bank_of_another_width():
    with pytest.raises(ValueError, match=r"'bank' must hold rows as wide as 'data.x', 3 \(got dim=5\)"):
        AddMemoryPositives(FeatureBank(8, 5, mode="sample"))(augmentation_graph([torch.zeros(4, 3)] * 2))
