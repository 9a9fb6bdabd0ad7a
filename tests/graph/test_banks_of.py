import torch_geometric.transforms as T

from gnnclr.graph import AddKNNPositives, FeatureBank
from gnnclr.graph.banks_of import banks_of
from gnnclr.graph.rewiring.memory import AddMemoryPositives
from gnnclr.graph.rewiring.swap import SwapPositives


def test_banks_of_a_rewiring():
    queue, memory = FeatureBank(8, 4), FeatureBank(9, 4, mode="sample")
    assert banks_of(None) == banks_of(AddKNNPositives()) == banks_of(T.TwoHop()) == []
    assert banks_of(AddKNNPositives(bank=queue)) == [queue]
    inner = T.Compose([SwapPositives(queue), AddMemoryPositives(memory)])
    assert banks_of(T.Compose([AddKNNPositives(bank=queue), AddKNNPositives(), inner])) == [queue, memory]
