import pytest
import torch

from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.graph.pair_exceptions import add_extra_negatives, ignore_negatives, pair_log_weight


def index(*pairs):
    return torch.tensor(pairs).t()


def test_absent_parts_read_as_none():
    graph = ContrastGraph(x=torch.zeros(4, 3))
    for name in ("ignore_index", "extra_index", "extra_scale", "extra_log_weight", "features", "bank_candidate"):
        assert getattr(graph, name) is None


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"ignore_index": torch.zeros(3, 2).long()}, r"'ignore_index' must be an integer tensor of shape \[2, e\]"),
        ({"ignore_index": index((0, 4))}, "'ignore_index' must have targets below 4 and sources below 6"),
        ({"extra_index": index((6, 0))}, "'extra_index' must have targets below 4 and sources below 6"),
        ({"extra_index": index((0, -1))}, "'extra_index' must have targets"),
        ({"extra_scale": torch.ones(1)}, "'extra_scale' needs an 'extra_index'"),
        ({"extra_index": index((5, 0)), "extra_scale": torch.ones(2)}, r"'extra_scale' must be .* of shape \[1\]"),
        ({"extra_index": index((5, 0)), "extra_scale": torch.ones(1).long()}, "'extra_scale' must be a floating point"),
        ({"extra_index": index((5, 0)), "extra_log_weight": torch.zeros(1).log()}, "'extra_log_weight' must be finite"),
        ({"features": torch.zeros(3, 2)}, r"'features' must have shape \[4, d\]"),
        ({"features": torch.full((4, 2), torch.inf)}, "'features' must be finite"),
        ({"bank_candidate": torch.ones(2)}, r"'bank_candidate' must be a boolean tensor of shape \[2\]"),
        ({"bank": None, "bank_candidate": torch.ones(2).bool()}, "'bank_candidate' needs a 'bank'"),
    ],
)
def test_wrong_parts_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContrastGraph(**({"x": torch.zeros(4, 3), "bank": torch.zeros(2, 3)} | arguments))


def test_parts_move_with_the_graph():
    parts = {"bank": torch.zeros(2, 3), "bank_candidate": torch.ones(2).bool(), "features": torch.zeros(4, 2)}
    parts |= {"ignore_index": index((0, 1)), "extra_index": index((5, 0))}
    parts |= {"extra_scale": torch.ones(1), "extra_log_weight": torch.zeros(1)}
    graph = ContrastGraph(x=torch.zeros(4, 3), **parts)
    assert graph.validate() and graph.num_nodes == 4
    assert {value.device.type for _, value in graph.to("meta") if isinstance(value, torch.Tensor)} == {"meta"}


def test_exceptions_add_up():
    graph = ContrastGraph(x=torch.zeros(4, 3))
    ignore_negatives(ignore_negatives(graph, index((0, 1))), index((1, 2), (3, 0)))
    assert graph.ignore_index.tolist() == [[0, 1, 3], [1, 2, 0]]
    add_extra_negatives(graph, index((0, 1)))
    assert graph.extra_scale is None and graph.extra_log_weight is None
    add_extra_negatives(graph, index((1, 2)), scale=torch.tensor([2.0]))
    add_extra_negatives(graph, index((2, 3), (0, 3)), log_weight=torch.tensor([-1.0, -2.0]))
    assert graph.extra_index.tolist() == [[0, 1, 2, 0], [1, 2, 3, 3]] and graph.validate()
    assert graph.extra_scale.tolist() == [1, 2, 1, 1] and graph.extra_log_weight.tolist() == [0, 0, -1, -2]


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
