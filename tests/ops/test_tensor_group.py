import copy
import pickle

import torch

from gnnclr.graph import Bank, ContrastGraph, ExtraNegatives, Negatives
from gnnclr.ops.tensor_group import TensorGroup


def index(*pairs):
    return torch.tensor(pairs).t()


def test_parts_move_with_the_graph():
    bank = Bank(torch.zeros(2, 3), view=torch.zeros(2).int(), candidate=torch.ones(2).bool())
    pairs = ExtraNegatives(index((5, 0)), scale=torch.ones(1), log_weight=torch.zeros(1))
    rule = Negatives(log_weight=(torch.zeros(4, 1), torch.zeros(6, 1)))
    parts = {"bank": bank, "extra": pairs, "ignore_index": index((0, 1)), "features": torch.zeros(4, 2)}
    graph = ContrastGraph(x=torch.zeros(4, 3), negatives=rule, **parts)
    assert graph.validate() and graph.num_nodes == 4
    for twin in (copy.copy(graph), copy.deepcopy(graph), pickle.loads(pickle.dumps(graph)), graph.clone()):
        assert twin.validate() and list(map(str, tensors_of(twin))) == list(map(str, tensors_of(graph)))
    twin = graph.clone()
    twin.bank.rows.add_(1), twin.extra.scale.add_(1), twin.negatives.log_weight[0].add_(1)
    assert not graph.bank.rows.any() and graph.extra.scale == 1 and not graph.negatives.log_weight[0].any()
    assert graph.clone().detach_().contiguous().detach().validate()
    for moved in (graph.to("meta"), graph.apply(lambda x: x.to("meta"))):
        found = tensors_of(moved)
        assert len(found) == 14 and {value.device.type for value in found} == {"meta"}


def tensors_of(graph):
    """All tensors of a graph, also those in groups."""
    found = []
    for _, value in graph:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, TensorGroup):
            value.map(lambda x: (found.append(x), x)[1])
    return found


def test_a_tensor_in_the_place_of_a_group_is_its_first():
    graph = ContrastGraph(x=torch.zeros(4, 3), bank=torch.ones(2, 3), extra=index((5, 0)).int())
    assert isinstance(graph.bank, Bank) and isinstance(graph.extra, ExtraNegatives)
    assert len(graph.bank) == 2 and len(graph.extra) == 1 and graph.extra.index.dtype == torch.int64
    graph.bank, graph["extra"] = torch.ones(3, 3), index((6, 1), (0, 1))
    assert len(graph.bank) == 3 and len(graph.extra) == 2 and graph.num_candidates == 7 and graph.validate()
    assert repr(graph.bank) == "Bank(rows=[3, 3])" and "extra=ExtraNegatives(index=[2, 2])" in repr(graph)
