"""Losses of two views by name: of the package, of peers, the dense form, and the matrix products alone."""

import torch
from torch.nn.functional import cross_entropy, normalize

TEMPERATURE = 0.1


def nt_xent_step(name):
    """A function ``(z0, z1) -> loss`` for NT-Xent by ``name``."""
    if name.startswith("gnnclr"):
        from gnnclr.losses import NTXentLoss

        return NTXentLoss(TEMPERATURE, impl={"gnnclr": "auto"}.get(name, name.split()[-1]))
    if name == "lightly":
        from lightly.loss import NTXentLoss as Peer

        return Peer(TEMPERATURE)
    if name == "pytorch-metric-learning":
        from pytorch_metric_learning.losses import NTXentLoss as Peer

        loss = Peer(TEMPERATURE)
        return lambda a, b: loss(torch.cat([a, b]), torch.arange(len(a), device=a.device).repeat(2))

    def dense(a, b):
        z = normalize(torch.cat([a, b]), dim=1)
        s = (z @ z.t() / TEMPERATURE).fill_diagonal_(float("-inf"))
        return cross_entropy(s, torch.arange(2 * len(a), device=a.device).roll(len(a)))

    return dense


def info_nce_step(name):
    """A function ``(query, key) -> loss`` for one-way InfoNCE by ``name``."""
    if name.startswith("gnnclr"):
        from gnnclr.losses import InfoNCELoss

        return InfoNCELoss(TEMPERATURE, impl={"gnnclr": "auto"}.get(name, name.split()[-1]))
    if name == "info-nce-pytorch":
        from info_nce import InfoNCE

        return InfoNCE(TEMPERATURE)

    def dense(q, k):
        s = normalize(q, dim=1) @ normalize(k, dim=1).t() / TEMPERATURE
        return cross_entropy(s, torch.arange(len(q), device=q.device))

    return dense


def products(n, views, device, width=128):
    """The three products that the textbook form needs (similarities, and one message for each side), in the fastest
    blocks we know."""
    z, rows = torch.randn(n * views, width, device=device), 256 if device == "cpu" else 2048
    buffer = torch.empty(rows, n * views, device=device)
    to_q, to_k = torch.empty_like(z), torch.zeros_like(z)

    def run(*_):
        for i in range(0, len(z), rows):
            s = torch.mm(z[i : i + rows], z.t(), out=buffer[: len(z[i : i + rows])])
            torch.mm(s, z, out=to_q[i : i + rows])
            to_k.addmm_(s.t(), z[i : i + rows])

    return run


STEPS = {"nt_xent": nt_xent_step, "info_nce": info_nce_step}
