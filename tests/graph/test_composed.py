import torch_geometric.transforms as T

from gnnclr.graph import AddKNNPositives
from gnnclr.graph.composed import composed


def test_compositions_and_lists_at_any_depth():
    a, b, c = AddKNNPositives(), AddKNNPositives(), T.TwoHop()
    assert list(composed(a)) == [a]
    assert list(composed(T.Compose([a, T.Compose([b, (c, a)])]))) == [a, b, c, a]
    assert list(composed([])) == list(composed(T.Compose([]))) == []
    assert list(composed(None)) == [None]
