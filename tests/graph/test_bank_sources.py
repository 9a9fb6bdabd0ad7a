import pytest
import torch
from contracts.loss import make_views

from gnnclr.graph import Bank, FeatureBank, Negatives, augmentation_graph
from gnnclr.graph.bank_sources import bank_sources


def filled(size=7, seed=3):
    bank = FeatureBank(16, 4)
    bank.update(torch.randn(size, 4, generator=torch.Generator().manual_seed(seed)))
    return bank


def batch(**kwargs):
    return augmentation_graph(make_views(3, 4), **kwargs)


ROWS = torch.tensor([5, 2, 5, 0])


def test_a_graph_without_a_bank_gets_the_rows_that_are_used():
    graph, bank = batch(), filled()
    source = bank_sources(graph, bank, ROWS)
    assert torch.equal(graph.bank.rows[source - 6], bank.features[ROWS]) and len(graph.bank) == 3
    assert not graph.negatives.bank and graph.bank.candidate is None and graph.validate()


def test_a_graph_with_the_bank_has_them():
    graph, bank = batch(bank=filled().features), filled()
    assert bank_sources(graph, bank, ROWS).tolist() == [11, 8, 11, 6] and len(graph.bank) == 7


def test_rows_are_appended_to_another_bank_and_do_not_repel():
    other = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    weight = torch.rand(6, 1), torch.rand(8, 1)
    rule = Negatives(log_weight=weight)
    graph, bank = batch(bank=other, negatives=rule), filled()
    graph.bank = Bank(other, view=torch.tensor([1, 0]))
    source = bank_sources(graph, bank, ROWS)
    assert torch.equal(graph.bank.rows[:2], other) and torch.equal(graph.bank.rows[source - 6], bank.features[ROWS])
    assert graph.bank.candidate.tolist() == [True, True, False, False, False] and graph.negatives.bank
    assert torch.equal(graph.negatives.log_weight[1][:8], weight[1]) and graph.validate()
    # Rows that attract already are found again, others are not taken for them.
    graph.edge_index = torch.cat([graph.edge_index, torch.stack([source[:2], torch.tensor([0, 1])])], dim=1)
    again = bank_sources(graph, bank, torch.tensor([2, 6, 5]))
    assert again[[0, 2]].tolist() == source[[1, 0]].tolist() and len(graph.bank) == 6
    assert torch.equal(graph.bank.rows[again - 6], bank.features[[2, 6, 5]]) and graph.validate()
    assert graph.bank.candidate.tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize("bank", [None, torch.ones(2, 4)])
def test_no_rows(bank):
    graph = batch(bank=bank)
    source = bank_sources(graph, filled(), ROWS[:0])
    assert source.shape == (0,) and (graph.bank is None or len(graph.bank) == 2) and graph.negatives.bank
