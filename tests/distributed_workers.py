"""What the processes of distributed tests run; importable by name, since processes are spawned."""

import os

import pytest
import torch
import torch.distributed as dist
from torch.nn.functional import normalize

from benchmarks.common.traffic import Traffic
from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses import DCLLoss, GraphLoss
from gnnclr.nn import UniformityConv
from gnnclr.ops.kernels import PairKernel


class LearnsItsProjection(DCLLoss):
    """A loss whose rows are projected by what it learns."""

    def __init__(self, **options):
        super().__init__(0.2, **options)
        torch.manual_seed(3)
        self.head = torch.nn.Linear(6, 5).double()

    def project(self, x):
        return super().project(self.head(x))


class CentersItsRows(LearnsItsProjection):
    """A loss whose rows are projected together."""

    def project(self, x):
        return super().project(x - x.mean(dim=0))


class CentersItsViews(DCLLoss):
    """A loss whose graph has rows that were made together."""

    def __init__(self, **options):
        super().__init__(0.2, **options)

    def graph(self, z0, z1, /, *, labels=None):
        return super().graph(z0 - z0.mean(dim=0), z1 - z1.mean(dim=0), labels=labels)


class LearnsItsEnergy(LearnsItsProjection):
    """A loss whose energy is of rows that it changes once more."""

    project = DCLLoss.project

    def energy(self, conv, z, graph):
        return conv.energy(normalize(self.head(z), dim=1), graph)


class OfOneView(DCLLoss):
    """A loss of one view and labels, of which some occur once."""

    min_views = max_views = 1

    def __init__(self, **options):
        super().__init__(0.2, **options)

    def graph(self, z, /, *, labels=None):
        return augmentation_graph((z,), labels, edges=False)


class OfOtherNumbers(DCLLoss):
    """A loss whose graph has the views of a sample side by side, with numbers of its own."""

    mean_over_anchors = False

    def __init__(self, **options):
        super().__init__(0.2, **options)

    def graph(self, z0, z1, /, *, labels=None):
        n = len(z0)
        x, sample = torch.stack([z0, z1], dim=1).flatten(0, 1), torch.arange(n).repeat_interleave(2)
        return ContrastGraph(x, sample=sample, view=torch.arange(2).repeat(n))


class TwoSides(PairKernel):
    """The product with rows whose features are in reverse order and weighed, which is another the other way round."""

    weights = torch.linspace(0.5, 1.5, 6).double()

    def turn(self, k):
        return k.flip(-1) * self.weights

    def evaluate(self, x):
        return x.clone(), torch.ones_like(x)

    def tile(self, q, k):
        return q @ self.turn(k).t()

    def rows(self, a, b):
        return (a * self.turn(b)).sum(dim=-1)

    def pull_tile(self, weight, q, k):
        return weight @ self.turn(k), (weight.t() @ q * self.weights).flip(-1)

    def pull_rows(self, weight, a, b):
        return weight.unsqueeze(-1) * self.turn(b)


class OfTwoSides(GraphLoss):
    """A loss whose negatives repel by such a kernel."""

    def __init__(self, **options):
        super().__init__(UniformityConv(0.5, kernel=TwoSides()), **options)


def start(rank_queue, path, world):
    """Joins the process group; runs once in each process of the pool."""
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank_queue.get(), world_size=world)


def run(task):
    """Runs ``function(rank, *arguments)``; each process gets one, since the function waits for the others."""
    function, arguments = task
    dist.barrier()
    result = function(dist.get_rank(), *arguments)
    dist.barrier()
    return dist.get_rank(), result


def loss_gradient(rank, loss, batches, kwargs):
    """Parameter gradient as DistributedDataParallel leaves it: of a linear encoder, averaged over processes."""
    torch.manual_seed(0)
    encoder = torch.nn.Linear(batches[0][0].size(1), 6).double()
    own = {key: value[rank] if isinstance(value, list) else value for key, value in kwargs.items()}
    value = loss(*(encoder(view) for view in batches[rank]), **own)
    value.backward()
    grads = torch.cat(
        [p.grad.flatten() for p in encoder.parameters()]
        + [p.grad.flatten() for p in loss.parameters() if p.grad is not None]
    )
    dist.all_reduce(grads)
    mean = value.detach().clone()
    dist.all_reduce(mean)
    world = dist.get_world_size()
    return mean / world, grads / world


def refusals(rank, function, cases):
    """What each case raises, one after the other: ``function(*arguments)`` with this rank's positional and keyword
    arguments."""
    messages = []
    for arguments in cases:
        args, kwargs = arguments[rank]
        try:
            function(*args, **kwargs)
            messages.append(None)
        except ValueError as error:
            messages.append(str(error))
    return messages


def own_loss(rank, losses, views):
    """What each process says when it calls a loss of its own."""
    return refusals(rank, losses[rank], [[(views, {})] * dist.get_world_size()])


def bank_refusals(rank, banks, cases):
    """What ``update`` of this rank's bank raises in each case, and whether it was written into."""
    bank = banks[rank]
    messages = refusals(rank, lambda *args: bank.update(*args, gather=True), cases)
    return messages, int(bank.step)


def bank_gathers(rank, sizes):
    """The state of a bank that gets rows of all processes, the size of one that does not, and whether both refuse what
    is wrong on one of them."""
    from gnnclr.graph import FeatureBank

    bank, alone = FeatureBank(8, 2), FeatureBank(8, 2)
    for counts in sizes:
        x = torch.arange(2.0 * counts[rank]).view(-1, 2) + 100 * rank
        ids = torch.arange(counts[rank]) + 10 * rank
        bank.update(x, ids, gather=True)
        alone.update(x, ids)
    refused = refusals(
        rank, lambda x: bank.update(x, gather=True), [[((torch.ones(1, 2) / (1 - r),), {}) for r in (0, 1)]]
    )
    return {"bank": bank.state_dict(), "alone": len(alone), "refused": refused != [None]}


def two_steps(rank, loss, batches):
    """The mean over processes of a loss in two steps of the same batch, and the keys that it remembers."""
    values = torch.stack([loss(*(view.requires_grad_() for view in batches[rank])).detach() for _ in range(2)])
    dist.all_reduce(values)
    return values / dist.get_world_size(), loss.memory.bank.features


def each_loss_gradient(rank, cases):
    """:func:`loss_gradient` of one case after the other."""
    return [loss_gradient(rank, *case) for case in cases]


def small_tiles(rank, cases, size, kept, looked_at):
    """What :func:`each_loss_gradient` gives where tiles cut rows anywhere, are kept or computed twice, and entries are
    looked at or not."""
    from gnnclr.ops import check, group_softmax, kernel_softmax, one_side_tiles, pair_sum, row_sweep, tiles
    from gnnclr.ops.contrast import pairs, sigmoid_pairs
    from gnnclr.ops.processes import shared_group_softmax
    from gnnclr.ops.workspace import Workspace

    walks = (one_side_tiles, tiles, pairs, sigmoid_pairs)
    of_graphs = (group_softmax, kernel_softmax, pair_sum, shared_group_softmax)
    with pytest.MonkeyPatch.context() as patch:
        for module in (*walks, *of_graphs):
            patch.setattr(module, "tile_size", lambda x: size)
        for module in (one_side_tiles, tiles):
            patch.setattr(module, "MEMORY", Workspace(0))
            patch.setattr(module, "kept_entries", lambda x: kept)
        patch.setattr(row_sweep, "TILE_ENTRIES", {"cpu": 32 * size, "cuda": 0})
        patch.setattr(row_sweep, "MIN_ROWS", 4)
        patch.setattr(check, "LOOKED_AT", looked_at)
        return each_loss_gradient(rank, cases)


def traffic(rank, cases, n, d):
    """The bytes that a process receives in a step of each loss with its keywords, over those of the rows of others."""
    shares = []
    for loss, inputs in cases:
        views = [torch.randn(n, d, requires_grad=True) for _ in range(2)]
        with Traffic() as seen:
            loss(*views, **inputs).backward()
        world = dist.get_world_size()
        shares.append(seen.bytes / (2 * n * d * 4 * (world - 1)))
    return shares


def shared_groups(rank, x, group, scale, sizes, weights, height):
    """Log-sum-exps, spreads, own rows, their messages and the gradient by the scale of groups that processes share."""
    from gnnclr.ops import group_softmax
    from gnnclr.ops.processes import shared_group_softmax
    from gnnclr.ops.processes.own_rows import OwnRows

    with pytest.MonkeyPatch.context() as patch:
        for module in (group_softmax, shared_group_softmax):
            patch.setattr(module, "tile_size", lambda x: height)
        rows = OwnRows(list(sizes), len(x) // sum(sizes), x.device)
        softmax = shared_group_softmax.SharedGroupSoftmax(x, group, scale, rows)
        return softmax.lse, softmax.spread, rows.index, *softmax.message(*weights, by_scale=True)


def agreement(rank, given):
    """What processes agree on that were given these arguments, or the error that they raise; a class of errors is
    raised by the check itself."""
    from gnnclr.ops.processes.agreement import agree

    def check():
        if isinstance(given[rank], type):
            raise given[rank]
        return given[rank]

    try:
        return agree(check)[1]
    except ValueError as error:
        return str(error)


def layer_wise(rank, encoders, data, batch_size):
    """The embeddings of several encoders, of which each process computes some nodes, and what is refused."""
    from gnnclr.node import layer_wise_embed

    found = [layer_wise_embed(encoder, data, batch_size, over_processes=True) for encoder in encoders]
    part = data.clone() if rank else data.subgraph(torch.arange(data.num_nodes - 1))
    cases = [[((encoders[0], part, batch_size), {"over_processes": True})] * dist.get_world_size()]
    single = data.subgraph(torch.tensor([0]))
    cases.append([((encoders[0], single, batch_size), {"over_processes": True})] * dist.get_world_size())
    return found, refusals(rank, layer_wise_embed, cases)
