"""Encoders for the tests of batches in chunks, what one pass gives, and what the processes of these tests run."""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from gnnclr.losses import NTXentLoss, cached_backward
from gnnclr.nn import in_chunks

LOSS = NTXentLoss(0.5)
#: By what stands after the convolution.
PARTS = {
    "group norm": lambda: [nn.GroupNorm(2, 4)],
    "dropout": lambda: [nn.Dropout(0.4)],
    "batch norm": lambda: [nn.BatchNorm2d(4)],
    "cumulative batch norm and dropout": lambda: [nn.BatchNorm2d(4, momentum=None), nn.Dropout(0.4)],
}


def encoder(name):
    """A small network, the same for the same name."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), *PARTS[name](), nn.ReLU(), nn.Flatten(), nn.Linear(36, 5))


def images(n, views=2):
    return list(torch.randn(views, n, 2, 5, 5, generator=torch.Generator().manual_seed(1)))


def one_pass(module, views, chunk_size):
    """Over the same chunks, whose activations are all kept."""
    loss = LOSS(*(torch.cat([module(part) for part in view.split(chunk_size)]) for view in views))
    loss.backward()
    return loss.detach()


def checkpointed(module, views, chunk_size):
    loss = LOSS(*(in_chunks(module, view, chunk_size) for view in views))
    loss.backward()
    return loss.detach()


def cached(module, views, chunk_size):
    return cached_backward(module, views, LOSS, chunk_size)


def outcome(form, module, *arguments):
    """Everything that a step leaves: the loss, gradients, buffers, and the next random number."""
    torch.manual_seed(3)
    loss = form(module, *arguments)
    return [loss, *(p.grad for p in module.parameters()), *module.buffers(), torch.rand(1)]


class GroupNormEncoder(nn.Sequential):
    """An encoder of digits whose rows do not share statistics, for recipes."""

    in_channels, out_features = 1, 4

    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class InChunks(nn.Module):
    """A module in chunks, for wrappers that want a module."""

    def __init__(self, module, chunk_size):
        super().__init__()
        self.module, self.chunk_size = module, chunk_size

    def forward(self, x):
        return in_chunks(self.module, x, self.chunk_size)


def of_a_process(rank, form, name, batches, chunk_size):
    """Gradients under DistributedDataParallel, and how often they were exchanged."""
    loss, counts = NTXentLoss(0.5, gather_distributed=True), []
    module = encoder(name)
    wrapped = DistributedDataParallel(InChunks(module, chunk_size) if form == "checkpointed" else module)
    wrapped.register_comm_hook(None, lambda state, bucket: counts.append(1) or allreduce_hook(state, bucket))
    for _ in range(2):  # DDP arranges its buckets anew after the first step
        module.zero_grad()
        if form == "checkpointed":
            loss(*wrapped(torch.cat(batches[rank])).chunk(2)).backward()
        else:
            cached_backward(wrapped, batches[rank], loss, chunk_size)
    assert dist.is_initialized()
    return [p.grad for p in module.parameters()], len(counts), list(module.buffers())
