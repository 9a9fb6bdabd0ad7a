import torch
from torch import nn

from gnnclr.node import DGI, GCNEncoder
from gnnclr.train import parameter_groups


def test_vectors_and_scalars_are_not_decayed():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.PReLU(), nn.Conv1d(4, 2, 1))
    module[3].bias.requires_grad_(False)
    decayed, kept = parameter_groups(module)
    assert {id(p) for p in decayed["params"]} == {id(module[0].weight), id(module[3].weight)}
    assert kept["weight_decay"] == 0.0 and len(kept["params"]) == 4
    optimizer = torch.optim.AdamW([decayed, kept], lr=0.1, weight_decay=0.5)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5, 0.0]


def test_methods_for_graphs_decay_all_parameters():
    method = DGI(GCNEncoder(3, 4, 4))
    (group,) = parameter_groups(method)
    assert list(map(id, group["params"])) == list(map(id, method.parameters())) and "weight_decay" not in group
    assert {parameter.dim() for parameter in group["params"]} >= {1, 2}


def test_empty_groups_are_left_out():
    assert len(parameter_groups(nn.Linear(3, 4, bias=False))) == 1
