import pytest
import torch

from gnnclr.graph import Bank, ContrastGraph, ExtraNegatives, Negatives
from gnnclr.graph.pair_exceptions import add_extra_negatives, ignore_negatives, pair_log_weight


def index(*pairs):
    return torch.tensor(pairs).t()


def extra(**parts):
    return ExtraNegatives(index((5, 0)), **parts)


def test_absent_parts_read_as_none():
    graph = ContrastGraph(x=torch.zeros(4, 3))
    for name in ("ignore_index", "extra", "features", "bank"):
        assert getattr(graph, name) is None


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"ignore_index": torch.zeros(3, 2).long()}, r"'ignore_index' must be an integer tensor of shape \[2, e\]"),
        ({"ignore_index": index((0, 4))}, "'ignore_index' must have targets below 4 and sources below 6"),
        ({"extra": index((6, 0))}, "'extra' must have targets below 4 and sources below 6"),
        ({"extra": index((0, -1))}, "'extra' must have targets"),
        ({"extra": [(5, 0)]}, r"'extra' must be an integer tensor of shape \[2, e\] \(got list"),
        ({"extra": ExtraNegatives(None)}, r"'extra' must be an integer tensor of shape \[2, e\]"),
        ({"extra": Bank(torch.zeros(2, 3))}, r"'extra' must be an integer tensor of shape \[2, e\]"),
        ({"extra": extra(scale=torch.ones(2))}, r"'extra.scale' must be .* of shape \[1\]"),
        ({"extra": extra(scale=torch.ones(1).long())}, "'extra.scale' must be a floating point"),
        ({"extra": extra(log_weight=torch.zeros(1).log())}, "'extra.log_weight' must be finite"),
        ({"features": torch.zeros(3, 2)}, r"'features' must have shape \[4, d\]"),
        ({"features": torch.full((4, 2), torch.inf)}, "'features' must be finite"),
        ({"bank": [[0.0, 0.0, 0.0]]}, r"'bank' must be a floating point tensor of shape .* \(got list"),
        ({"bank": Bank(None)}, "'bank' must be a floating point tensor"),
        ({"bank": extra()}, "'bank' must be a floating point tensor"),
        (
            {"bank": Bank(torch.zeros(2, 3), view=torch.ones(2))},
            r"'bank.view' must be an integer tensor of shape \[2\]",
        ),
        ({"bank": Bank(torch.zeros(2, 3), candidate=torch.ones(2))}, r"'bank.candidate' must be .* of shape \[2\]"),
    ],
)
def test_wrong_parts_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContrastGraph(**({"x": torch.zeros(4, 3), "bank": torch.zeros(2, 3)} | arguments))


def test_exceptions_add_up():
    graph = ContrastGraph(x=torch.zeros(4, 3))
    ignore_negatives(ignore_negatives(graph, index((0, 1))), index((1, 2), (3, 0)))
    assert graph.ignore_index.tolist() == [[0, 1, 3], [1, 2, 0]]
    add_extra_negatives(graph, index((0, 1)))
    assert graph.extra.scale is None and graph.extra.log_weight is None
    add_extra_negatives(graph, index((1, 2)), scale=torch.tensor([2.0]))
    add_extra_negatives(graph, index((2, 3), (0, 3)), log_weight=torch.tensor([-1.0, -2.0]))
    assert graph.extra.index.tolist() == [[0, 1, 2, 0], [1, 2, 3, 3]] and graph.validate()
    assert graph.extra.scale.tolist() == [1, 2, 1, 1] and graph.extra.log_weight.tolist() == [0, 0, -1, -2]


def test_log_weights_of_pairs():
    a, b = torch.randn(4, 2), torch.randn(6, 2)
    pairs = index((0, 1), (5, 2), (3, 3))
    graph = ContrastGraph(x=torch.zeros(4, 3), bank=torch.zeros(2, 3), negatives=Negatives(log_weight=(a, b)))
    expected = [float(a[i] @ b[j]) for j, i in pairs.t().tolist()]
    assert pair_log_weight(graph, pairs, torch.float32).tolist() == pytest.approx(expected, abs=1e-6)
    graph.negatives = Negatives(log_weight=(a, b[:4]))
    expected[1] = 0.0
    assert pair_log_weight(graph, pairs, torch.float32).tolist() == pytest.approx(expected, abs=1e-6)
    graph.negatives = Negatives()
    assert pair_log_weight(graph, pairs, torch.float32) is None
