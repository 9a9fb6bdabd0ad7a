import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import explicit_graph
from contracts.rewiring import RewiringContract
from torch.nn.functional import normalize

from gnnclr.graph import Bank, Negatives, augmentation_graph
from gnnclr.graph.candidates import similar_candidates
from gnnclr.graph.rewiring.false_negatives import DropFalseNegatives, WeighFalseNegatives
from gnnclr.graph.rewiring.hard_negatives import MixHardNegatives
from gnnclr.losses import HardNegativeLoss, InfoNCELoss, NTXentLoss


class TestMixHardNegatives(RewiringContract):
    composes = False  # anchors have negatives of their own

    def make(self):
        return MixHardNegatives(3, 2)


def batch(n=8, d=5, views=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=torch.float64) for _ in range(views)]


def graph_of(n=8, bank=0, **kwargs):
    graph = augmentation_graph(batch(n), **kwargs)
    if bank:
        graph.bank = batch(bank, views=1, seed=3)[0]
    return graph


def coefficients(row, parts):
    """The shares of unit rows in a unit mixture of them, scaled to sum to one; and how far it is from their span."""
    solution = torch.linalg.lstsq(parts.t(), row.unsqueeze(1)).solution
    rest = float((parts.t() @ solution - row.unsqueeze(1)).norm())
    share = solution.view(-1) / solution.sum()
    return share, rest


@pytest.mark.parametrize("mode", ["pairs", "anchor"])
@pytest.mark.parametrize("bank", [0, 6])
def test_mixtures_are_of_the_hardest_negatives(bank, mode):
    torch.manual_seed(0)
    graph = graph_of(bank=bank)
    mixed = MixHardNegatives(k=4, num=5, mode=mode)(graph)
    assert graph.bank is None or len(graph.bank) == bank  # the graph that was given is as it was
    assert mixed.bank.rows.shape == (bank + 80, 5) and mixed.extra.index.shape == (2, 80) and mixed.validate()
    nodes = normalize(graph.x if bank == 0 else torch.cat([graph.x, graph.bank.rows]), dim=1)
    source, target = similar_candidates(graph, 4)
    shares, partners = [], set()
    for row, anchor in mixed.extra.index.t().tolist():
        h = mixed.bank.rows[row - 16]
        torch.testing.assert_close(h.norm(), torch.ones((), dtype=torch.float64))
        hardest = source[target == anchor].tolist()
        if mode == "pairs":
            options = [(a, b) for a in hardest for b in hardest if a < b]
        else:
            options = [(anchor, b) for b in hardest]
        found = [(pair, *coefficients(h, nodes[list(pair)])) for pair in options]
        pair, share, rest = min(found, key=lambda item: item[2])
        assert rest < 1e-12 and (share > 0).all()
        shares.append(float(share[0]))
        partners.add((anchor, pair))
    assert mixed.extra.index[1].bincount().tolist() == [5] * 16
    assert len(partners) > 30  # not always the same ones
    limit = 1.0 if mode == "pairs" else 0.5
    assert 0 < min(shares) < 0.2 * limit and 0.8 * limit < max(shares) < limit


def test_mixtures_are_negatives_of_their_own_anchor_only():
    graph = graph_of(bank=3)
    mixed = MixHardNegatives(k=4, num=2)(graph)
    z, rows = normalize(graph.x, dim=1), normalize(mixed.bank.rows, dim=1)
    assert mixed.bank.candidate.tolist() == [True] * 3 + [False] * 32
    expected = 0.0
    for i in range(16):
        own = (mixed.extra.index[0, mixed.extra.index[1] == i] - 16).tolist()
        s = torch.cat([z[[j for j in range(16) if j % 8 != i % 8]], rows[:3], rows[own]]) @ z[i] / 0.2
        positive = z[i] @ z[(i + 8) % 16] / 0.2
        expected = expected + (torch.logaddexp(torch.logsumexp(s, 0), positive) - positive) / 16
    torch.testing.assert_close(NTXentLoss(0.2)(graph.x, mixed), expected)


def test_mixtures_are_constant():
    graph = augmentation_graph(batch(3, 3))
    x = graph.x.clone().requires_grad_()
    graph.x = x
    mixed = MixHardNegatives(k=3, num=2, mode="anchor")(graph)
    assert not mixed.bank.rows.requires_grad
    assert torch.autograd.gradcheck(lambda x: NTXentLoss(0.3)(x, mixed), x, fast_mode=True)
    assert torch.autograd.gradcheck(lambda x: HardNegativeLoss(0.5)(x, mixed), x, fast_mode=True)


def test_harder_negatives_raise_the_loss():
    torch.manual_seed(0)
    graph = graph_of(30)
    plain = NTXentLoss(0.1)(graph.x, graph)
    pairs = NTXentLoss(0.1)(graph.x, MixHardNegatives(k=4, num=8)(graph))
    anchor = NTXentLoss(0.1)(graph.x, MixHardNegatives(k=4, num=8, mode="anchor")(graph))
    assert plain < pairs < anchor


def test_random_numbers_are_those_of_torch():
    graph, transform = graph_of(), MixHardNegatives(k=4, num=3)
    torch.manual_seed(3)
    one = transform(graph)
    other = transform(graph)
    torch.manual_seed(3)
    again = transform(graph)
    assert torch.equal(one.bank.rows, again.bank.rows) and not torch.equal(one.bank.rows, other.bank.rows)


def test_both_kinds_compose():
    graph = graph_of(bank=2)
    graph.bank = Bank(graph.bank.rows, view=torch.tensor([0, 1]))
    graph.negatives = Negatives(log_weight=(torch.ones(16, 1).double(), torch.randn(18, 1).double()))
    both = T.Compose([MixHardNegatives(k=4, num=3), MixHardNegatives(k=4, num=2, mode="anchor")])(graph)
    assert len(both.bank) == 2 + 48 + 32 and both.extra.index.size(1) == 80 and both.validate()
    # Mixtures are not mixed again: candidates of nobody.
    assert torch.equal(similar_candidates(both, 6), similar_candidates(graph, 6))
    assert both.bank.view.tolist() == [0, 1] + [-1] * 80
    weighed = WeighFalseNegatives(k=1, weight=0.5)(both)
    assert weighed.extra.log_weight.tolist()[:80] == [0.0] * 80 and weighed.validate()
    assert torch.isfinite(NTXentLoss(0.2)(graph.x, weighed))


def test_likely_false_negatives_are_not_mixed():
    graph = DropFalseNegatives(k=2)(graph_of())
    mixed = MixHardNegatives(k=2, num=1)(graph)
    assert torch.equal(mixed.ignore_index, graph.ignore_index)
    source, target = similar_candidates(graph, 2)
    z = normalize(graph.x, dim=1)
    for row, anchor in mixed.extra.index.t().tolist():
        assert coefficients(mixed.bank.rows[row - 16], z[source[target == anchor]])[1] < 1e-12


def test_anchors_without_enough_candidates_get_none():
    graph = graph_of(2)  # two candidates each, of one sample
    assert MixHardNegatives(k=1, num=3)(graph).bank is None
    assert len(MixHardNegatives(k=1, num=3, mode="anchor")(graph).bank) == 12
    assert len(MixHardNegatives(k=9, num=3)(graph).bank) == 12
    graph.anchor = torch.tensor([True, False, False, False])
    assert MixHardNegatives(num=3)(graph).extra.index[1].tolist() == [0, 0, 0]
    one = augmentation_graph([torch.randn(1, 3)] * 2)
    assert MixHardNegatives()(one).bank is None and MixHardNegatives()(one).extra is None
    assert MixHardNegatives()(augmentation_graph([torch.zeros(0, 3)] * 2)).bank is None


def test_queue_and_explicit_negatives():
    query, key = batch()
    graph = InfoNCELoss().graph(query, key)
    graph.bank, graph.negatives = batch(12, views=1, seed=4)[0], Negatives(candidates=())
    mixed = MixHardNegatives(k=3, num=2)(graph)
    assert len(mixed.bank) == 12 + 16 and (mixed.extra.index[1] < 8).all()
    queue = normalize(graph.bank.rows, dim=1)
    hardest = (normalize(query, dim=1) @ queue.t()).topk(3, dim=1).indices
    for row, anchor in mixed.extra.index.t().tolist():
        pairs = [hardest[anchor][[a, b]] for a, b in ((0, 1), (0, 2), (1, 2))]
        assert min(coefficients(mixed.bank.rows[row - 16], queue[pair])[1] for pair in pairs) < 1e-12
    implicit, explicit = graph_of(), explicit_graph(graph_of())
    torch.manual_seed(0)
    one = MixHardNegatives()(implicit)
    torch.manual_seed(0)
    other = MixHardNegatives()(explicit)
    torch.testing.assert_close(one.bank.rows, other.bank.rows)
    torch.testing.assert_close(NTXentLoss(0.2)(one.x, one), NTXentLoss(0.2)(other.x, other))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_other_types(dtype):
    graph = augmentation_graph([v.to(dtype) for v in batch()])
    mixed = MixHardNegatives(k=3, num=2)(graph)
    assert mixed.bank.rows.dtype == torch.float32
    value = NTXentLoss(0.02)(graph.x, mixed)
    assert value.dtype == torch.float32 and torch.isfinite(value)
    graph.bank = batch(4, views=1)[0].to(dtype)
    assert MixHardNegatives(k=3, num=2)(graph).bank.rows.dtype == torch.promote_types(dtype, torch.float32)


def test_wrong_arguments_and_repr():
    for name in ("k", "num"):
        with pytest.raises(ValueError, match=f"'{name}' must be a positive integer"):
            MixHardNegatives(**{name: 0})
    with pytest.raises(ValueError, match="'mode' must be one of 'pairs', 'anchor'"):
        MixHardNegatives(mode="both")
    with pytest.raises(ValueError, match="'data' must be a ContrastGraph with 'x'"):
        MixHardNegatives()(torch.zeros(3, 2))
    assert str(MixHardNegatives(4)) == "MixHardNegatives(k=4, num=16, mode='pairs')"
