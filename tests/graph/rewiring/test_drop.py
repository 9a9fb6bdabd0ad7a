from dataclasses import replace

import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import explicit_graph, make_views, relative, value_and_gradients
from contracts.rewiring import RewiringContract
from literal_nt_xent import edges_of, literal_nt_xent, others
from torch_geometric.data import Data

from gnnclr.graph import AddKNNPositives, ExtraNegatives, FeatureBank, Negatives, augmentation_graph
from gnnclr.graph.communities import SoftCommunity, WeighCommunity
from gnnclr.graph.rewiring.drop import DropNegatives, DropPositives
from gnnclr.losses import NTXentLoss


class TestDropPositives(RewiringContract):
    def make(self):
        return DropPositives(0.4)


class TestDropNegatives(RewiringContract):
    def make(self):
        return DropNegatives(0.4)


def batch(n=6, views=2, **kwargs):
    return augmentation_graph([view.double() for view in make_views(n, 5, views)], **kwargs)


def check(graph, expected, temperature=0.3):
    for impl in ("auto", "dense", "tiles"):
        loss = NTXentLoss(temperature, impl=impl)
        value, grad = value_and_gradients(lambda x, loss=loss: loss(x, graph), [graph.x])
        want, want_grad = value_and_gradients(expected, [graph.x])
        assert relative(value, want) < 1e-11 and relative(grad, want_grad) < 1e-10


@pytest.mark.parametrize("p", [0.3, 0.8, 1.0])
def test_dropped_positives(p):
    torch.manual_seed(0)
    graph = AddKNNPositives(k=3)(batch(views=3))
    before, kept = edges_of(graph), torch.zeros(graph.edge_index.size(1))
    for _ in range(200):
        out = DropPositives(p)(graph)
        edges = edges_of(out)
        assert edges.items() <= before.items()
        assert int(out.edge_index[1].bincount(minlength=18).min()) >= 1
        kept += torch.tensor([edge in edges for edge in before])
    # Of d positives (1 - p) d are kept on average, and one where none would be.
    expected = 1 - p + p**5 / 5
    assert float(kept.mean()) / 200 == pytest.approx(expected, abs=0.02)
    assert float(kept.min()) / 200 > expected - 0.15  # no edge is drawn less than others
    repels = others(graph, before)
    check(out, lambda x: literal_nt_xent(x, edges, repels, 0.3))


def test_dropped_rows_of_a_bank_that_repels():
    bank = FeatureBank(16, 5, dtype=torch.float64)
    bank.update(torch.randn(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    graph = AddKNNPositives(k=3, bank=bank)(batch(bank=bank.features))
    torch.manual_seed(0)
    out = DropPositives(0.7)(graph)
    repels = others(graph, columns=9)
    repels[:, 12:] = True
    for p, i in edges_of(graph):
        repels[i, p] = False
    check(out, lambda x: literal_nt_xent(x, edges_of(out), repels, 0.3, bank.features))


def test_dropped_positives_repel_where_positives_do():
    graph = AddKNNPositives(k=3)(batch(negatives=Negatives(exclude="sample")))
    out = DropPositives(0.7)(graph)
    check(out, lambda x: literal_nt_xent(x, edges_of(out), others(graph), 0.3))


def test_nothing_is_dropped():
    graph = AddKNNPositives(k=1)(batch())
    out = T.Compose([DropPositives(0.0), DropNegatives(0.0)])(graph)
    assert torch.equal(out.edge_index, graph.edge_index) and torch.equal(out.edge_weight, graph.edge_weight)
    assert out.negatives is graph.negatives and "ignore_index" not in out
    assert DropPositives(1.0)(batch()).edge_index.size(1) == 12  # the only positive of an anchor stays


def dropped(graph):
    """The candidates that a graph has dropped, by the last column of its log-weights and the rows of its bank."""
    drop = graph.negatives.log_weight[1][: graph.num_nodes, -1] < 0
    if graph.bank is None:
        return drop
    candidate = graph.bank.candidate
    return torch.cat([drop, ~candidate])


@pytest.mark.parametrize("scope", ["all", "other", "same"])
@pytest.mark.parametrize("temperature", [0.5, 0.02])
def test_dropped_negatives(scope, temperature):
    torch.manual_seed(1)
    graph = DropNegatives(0.5)(batch(8, negatives=Negatives(scope=scope)))
    drop = dropped(graph)
    assert 0 < drop.sum() < 16 and graph.validate()
    repels = others(graph) & ~drop
    same = graph.view[:, None] == graph.view
    repels &= {"all": same | ~same, "other": ~same, "same": same}[scope]
    check(graph, lambda x: literal_nt_xent(x, edges_of(graph), repels, temperature), temperature)


def test_each_candidate_is_dropped_as_often():
    torch.manual_seed(0)
    graph = batch(bank=torch.randn(9, 5, dtype=torch.float64))
    share = sum(dropped(DropNegatives(0.3)(graph)).double() for _ in range(500)) / 500
    assert float(share.mean()) == pytest.approx(0.3, abs=0.02) and float((share - 0.3).abs().max()) < 0.1


def test_the_partition_function_is_unbiased():
    """Over 1 - p, the mean of the sums that are left is the sum over all."""
    torch.manual_seed(0)
    graph, loss = batch(), NTXentLoss(0.5)

    def sums(graph):
        z = torch.nn.functional.normalize(graph.x, dim=1)
        return loss.conv.uniformity.log_partition(z, graph).lse.exp()

    mean = sum(sums(DropNegatives(0.4)(graph)) for _ in range(500)) / 500 / 0.6
    torch.testing.assert_close(mean, sums(graph), rtol=0.1, atol=0)


def test_with_weights_and_a_bank():
    """Log-weights of a rule before and after, and rows of the bank."""
    community = torch.tensor([0, 0, 1, 1, 2, 0])
    columns = torch.rand(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = torch.randn(9, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for transforms in (
        [WeighCommunity(community, 0.2), DropNegatives(0.5), SoftCommunity(columns, 0.5)],
        [DropNegatives(0.5), WeighCommunity(community, 0.2), SoftCommunity(columns, 0.5)],
    ):
        torch.manual_seed(2)
        graph = batch(bank=rows)
        plain = T.Compose([part for part in transforms if not isinstance(part, DropNegatives)])(graph)
        out = T.Compose(transforms)(graph)
        assert out.validate()
        column = [i for i in range(out.negatives.log_weight[1].size(1)) if out.negatives.log_weight[1][:, i].min() < -9]
        drop = torch.cat([out.negatives.log_weight[1][:12, column[0]] < 0, ~out.bank.candidate])
        assert 0 < drop[:12].sum() < 12 and 0 < drop[12:].sum() < 9
        # All pairs written down, with the same weights, without what was dropped.
        repels = torch.nn.functional.pad(others(graph), (0, 9), value=True) & ~drop
        target, source = repels.nonzero().t()
        plain.negative_index = torch.stack([source, target])
        check(out, lambda x, plain=plain: NTXentLoss(0.3)(x, plain))


def test_explicit_and_extra_negatives():
    torch.manual_seed(0)
    graph = explicit_graph(batch())
    out = DropNegatives(0.5)(graph)
    left = set(out.negative_index[0].tolist())
    assert 0 < len(left) < 12
    expected = graph.negative_index[:, torch.isin(graph.negative_index[0], torch.tensor(sorted(left)))]
    assert torch.equal(out.negative_index, expected) and out.negatives.log_weight is None
    graph = batch()
    graph.extra = ExtraNegatives(torch.tensor([[1, 2, 3, 4, 5, 7], [0, 0, 0, 0, 0, 0]]), scale=torch.arange(6.0))
    out = DropNegatives(0.5)(graph)
    keep = ~dropped(out)[graph.extra.index[0]]
    assert torch.equal(out.extra.index, graph.extra.index[:, keep]) and 0 < int(keep.sum()) < 6
    assert torch.equal(out.extra.scale, graph.extra.scale[keep])


def test_positives_stay_and_only_candidates_are_dropped():
    torch.manual_seed(0)
    graph = AddKNNPositives(k=2)(batch())
    out = DropNegatives(0.9)(graph)
    assert torch.equal(out.edge_index, graph.edge_index) and torch.equal(out.edge_weight, graph.edge_weight)
    assert replace(out.negatives, log_weight=None).exclude == "positives"


def test_wrong_arguments_and_repr():
    for cls, value in ((DropPositives, 1.5), (DropPositives, True), (DropNegatives, 1.0), (DropNegatives, -0.1)):
        with pytest.raises(ValueError, match="'p' must be a probability"):
            cls(value)
    with pytest.raises(ValueError, match="'data' must be a ContrastGraph with 'x'"):
        DropPositives()(Data(x=torch.zeros(4, 2)))
    assert repr(DropPositives(0.25)) == "DropPositives(p=0.25)"
    assert repr(DropNegatives()) == "DropNegatives(p=0.5)"
