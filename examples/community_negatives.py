"""Weighted negatives at no extra memory: nodes of one community repel each other less.

A log-weight of low rank is two small matrices, log w_ij = <a_i, b_j>, and the engine takes it as columns of queries and
keys.

    python examples/community_negatives.py
"""

import math

import torch
from torch.nn.functional import one_hot

from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.losses import NTXentLoss

torch.manual_seed(0)
n, communities, rho = 2000, 12, 0.2
community = torch.randint(0, communities, (n,)).repeat(2)  # of both views
member = one_hot(community).float()
rule = Negatives(log_weight=(member * math.log(rho), member), symmetric_weight=True)

views = [torch.randn(n, 64), torch.randn(n, 64)]
loss, x = NTXentLoss(temperature=0.5), torch.cat(views).requires_grad_()
weighted = loss(x, augmentation_graph(views, negatives=rule))
weighted.backward()
print(f"plain {loss(x, augmentation_graph(views)):.4f}, same community weighs {rho}: {weighted:.4f}")
