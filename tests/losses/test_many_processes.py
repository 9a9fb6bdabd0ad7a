"""Several processes give loss and gradient of one process with the whole batch, for every loss that gathers."""

import distributed_workers
import pytest
import torch
from contracts.discovery import by_kind, public
from contracts.loss import LossContract, make_views

from gnnclr.graph import FeatureBank
from gnnclr.losses import (
    AlignUniformLoss,
    CLIPLoss,
    CommunityNTXentLoss,
    DCLLoss,
    DHELLoss,
    GraphLoss,
    HardNegativeLoss,
    InfoNCELoss,
    KCLLoss,
    KernelInfoNCELoss,
    NTXentLoss,
    RandomWalkLaplacianLoss,
    SigLIPLoss,
    SpectralContrastiveLoss,
    SupConLoss,
)

#: Samples of each process.
UNEVEN, EVEN = {2: (7, 2), 4: (4, 0, 2, 3)}, {2: (4, 4), 4: (2, 2, 2, 2)}
WORLDS = pytest.mark.parametrize("world", [2, 4])


@pytest.fixture
def run(world, request):
    """Runs a function on two or four processes."""
    return request.getfixturevalue({2: "gloo", 4: "gloo_of_four"}[world])


def learned(tau, dtype=torch.float64):
    return torch.nn.Parameter(torch.tensor(tau, dtype=dtype))


def check(run, cases, sizes, worker=distributed_workers.each_loss_gradient, *more):
    """Compares cases, each the loss of several processes, that of one, views and keywords.

    Keywords that are tensors are of samples, others are shared."""
    total, split = sum(sizes), []
    for gathering, _, views, inputs in cases:
        batches = list(zip(*(view[:total].split(sizes) for view in views)))
        own = {key: list(x[:total].split(sizes)) if isinstance(x, torch.Tensor) else x for key, x in inputs.items()}
        split.append((gathering, batches, own))
    found = run(worker, split, *more)
    for i, (_, alone, views, inputs) in enumerate(cases):
        torch.manual_seed(0)
        encoder = torch.nn.Linear(views[0].size(1), 6).double()
        inputs = {key: x[:total] if isinstance(x, torch.Tensor) else x for key, x in inputs.items()}
        expected = alone(*(encoder(view[:total]) for view in views), **inputs)
        expected.backward()
        grads = [p.grad.flatten() for p in (*encoder.parameters(), *alone.parameters()) if p.grad is not None]
        for value, grad in (each[i] for each in found):
            about = f"case {i}, {type(alone).__name__}, samples {sizes}: "
            torch.testing.assert_close(value, expected.detach(), rtol=1e-9, atol=1e-12, msg=lambda m, a=about: a + m)
            torch.testing.assert_close(grad, torch.cat(grads), rtol=1e-8, atol=1e-12, msg=lambda m, a=about: a + m)


def every_loss():
    """Each loss at a temperature that is a number, and at one that is learned."""
    for kind, found in by_kind("losses", LossContract).items():
        case = found[0]()
        views = [view.double() for view in make_views(9, views=case.num_views[-1])]
        for tau in (0.2, learned(0.2)) if case.learnable and case.temperatures != (None,) else (0.2,):
            loss = case.make(tau, gather_distributed=True)
            yield kind, (loss.double(), case.make(tau).double(), views, case.joined_arguments())


@WORLDS
def test_every_loss(world, run):
    kinds, cases = zip(*every_loss())
    gathering = {kind for kind in public("losses", GraphLoss) if kind in by_kind("losses", LossContract)}
    assert set(kinds) == gathering and len(cases) > 30
    check(run, cases, UNEVEN[world])


@WORLDS
def test_losses_of_ones_own(world, run):
    """What a loss learns where it projects rows or takes its energy, nodes without positives, another order of nodes,
    and kernels with two sides."""
    labels, cases = torch.tensor([0, 1, 0, 2, 3, 0, 4, 3, 5]), []
    data = [view.double() for view in make_views(9)]
    for kind, views, inputs in (
        ("LearnsItsProjection", data, {"labels": labels}),
        ("CentersItsRows", data, {"labels": labels}),
        ("CentersItsViews", data, {"labels": labels}),
        ("LearnsItsEnergy", data, {"labels": labels}),
        ("OfOneView", data[:1], {"labels": labels}),
        ("OfOtherNumbers", data, {"labels": labels}),
        ("OfTwoSides", data, {}),
    ):
        cases.append(
            (*(getattr(distributed_workers, kind)(gather_distributed=x) for x in (True, False)), views, inputs)
        )
    check(run, cases, UNEVEN[world])


def filled_bank():
    bank = FeatureBank(5, 6).double()
    bank.update(make_views(4, 6, views=1)[0].double())
    return bank


@WORLDS
def test_even_batches_and_banks(world, run):
    cases = []
    for views in (2, 3):
        data = [view.double() for view in make_views(8, views=views)]
        cases += [(NTXentLoss(tau, gather_distributed=True), NTXentLoss(tau), data, {}) for tau in (0.1, 0.01)]
    data = [view.double() for view in make_views(8)]
    for kind in (InfoNCELoss, NTXentLoss):
        cases += [(kind(learned(0.03), gather_distributed=True), kind(learned(0.03)), data, {})]
        remembering = [kind(0.2, gather_distributed=gather, memory_bank_size=9) for gather in (True, False)]
        for loss in remembering:
            loss.memory.remember(make_views(4, 6, views=1)[0])
        cases += [(*remembering, data, {})]
    for inputs in ({"negatives": filled_bank()}, {"negatives": filled_bank(), "in_batch": True}):
        cases.append((InfoNCELoss(0.2, gather_distributed=True), InfoNCELoss(0.2), data, inputs))
    check(run, cases, EVEN[world])


@pytest.mark.parametrize("kept,looked_at", [(0, ("cpu",)), (10**6, ())])
def test_tiles_that_cut_rows_anywhere(gloo_of_four, kept, looked_at):
    cases = []
    for kind, views in ((NTXentLoss, 2), (NTXentLoss, 3), (InfoNCELoss, 2), (CLIPLoss, 2), (SigLIPLoss, 2)):
        data = [view.double() for view in make_views(57, views=views)]
        for tau in (0.1, 0.011, "learned"):
            losses = [kind(learned(0.05) if tau == "learned" else tau, gather_distributed=x) for x in (True, False)]
            cases.append((*(loss.double() for loss in losses), data, {}))
    check(gloo_of_four, [*cases, *of_graphs()], (21, 0, 1, 35), distributed_workers.small_tiles, 8, kept, looked_at)


def of_graphs():
    """Losses whose nodes processes share, at temperatures with exponents that are shifted and that are not."""
    labels, weight = torch.arange(57) % 5, torch.rand(57, generator=torch.Generator().manual_seed(0)).double()
    kinds = [(NTXentLoss, {"labels": labels}), (NTXentLoss, {"weight": weight}), (CLIPLoss, {"labels": labels})]
    kinds += [(DCLLoss, {}), (DHELLoss, {"weight": weight}), (SupConLoss, {"labels": labels}), (SupConLoss, {})]
    kinds += [(HardNegativeLoss, {}), (RandomWalkLaplacianLoss, {"labels": labels}), (KernelInfoNCELoss, {})]
    kinds += [(CommunityNTXentLoss, {"community": labels})]
    data = [view.double() for view in make_views(57)]
    for kind, inputs in kinds:
        for tau in (0.2, 0.011):
            losses = [kind(temperature=tau, gather_distributed=x) for x in (True, False)]
            yield *(loss.double() for loss in losses), data, inputs
    for kind in (SpectralContrastiveLoss, KCLLoss, AlignUniformLoss):
        yield kind(gather_distributed=True), kind(), data, {}
    summed = [NTXentLoss(0.2, reduction="sum", gather_distributed=x) for x in (True, False)]
    yield *summed, data, {"weight": weight}


#: Losses that need the gradients of rows of others: of targets that a layer aggregates, of centroids as positives, and
#: of labels where each pair counts once.
BRING_HOME = {"AggregatedLoss", "ReSCLoss", "SigLIPLoss"}


@WORLDS
def test_processes_exchange_rows_once_and_a_number_a_row(world, run):
    """Of views alone, and through the graph of all samples; keys send their rows and get their gradients."""
    kinds = (NTXentLoss, CLIPLoss, InfoNCELoss, SigLIPLoss)
    losses, through_graphs = ([kind(0.2, gather_distributed=True) for kind in kinds] for _ in range(2))
    for loss in through_graphs:
        loss.pairing = None
    n, d = 640 // world, 256
    agreement = 2300 / (2 * n * d * 4)  # what processes compare before they gather
    for found in run(distributed_workers.traffic, [(loss, {}) for loss in (*losses, *through_graphs)], n, d):
        views, towers, keys, classified = zip(found[:4], found[4:])
        assert [share - agreement for share in (*views, *towers)] == pytest.approx([1 + 1 / d] * 4, abs=1e-3)
        assert [share - agreement for share in (*keys, *classified)] == pytest.approx([1] * 4, abs=1e-3)


def test_only_a_few_losses_send_gradients(gloo):
    n, d, cases = 160, 256, {}
    for kind, found in by_kind("losses", LossContract).items():
        loss = found[0]().make(0.2, gather_distributed=True)
        named = {name: torch.arange(n) % 7 for name in ("community", "labels") if name in (loss.inputs or ())}
        cases[kind.__name__] = loss, named
    cases["dense"] = NTXentLoss(0.2, impl="dense", gather_distributed=True), {}
    (shares, _), agreement = gloo(distributed_workers.traffic, list(cases.values()), n, d), 2300 / (2 * n * d * 4)
    found = {name: share - agreement for name, share in zip(cases, shares)}
    some = BRING_HOME | {"dense"}
    assert {name for name, share in found.items() if share > 1.05} == some
    assert [found[name] for name in sorted(some)] == pytest.approx([2] * 4, abs=0.1)


def test_processes_that_compute_in_other_ways_do_not_wait_for_each_other(gloo):
    views = make_views(4, 6)
    losses = [NTXentLoss(0.1, gather_distributed=True), NTXentLoss(0.1, impl="dense", gather_distributed=True)]
    message = (
        "'energy' must be alike on all processes: 'of views alone at temperature 0.1', as on rank 0 (got 'of a graph, "
        "ContrastiveConv, AlignmentConv, UniformityConv by matrices, gather_distributed=True, mean=anchors, "
        "reduction=mean' on rank 1)"
    )
    assert gloo(distributed_workers.own_loss, losses, views) == [[message], [message]]
    alone = [SupConLoss(impl="dense", gather_distributed=True), SupConLoss(gather_distributed=True)]
    each = [SupConLoss(gather_distributed=True), SupConLoss(gather_distributed=True, reduction="none")]
    some = [NTXentLoss(anchor_views=number, gather_distributed=True) for number in (1, 2)]
    both = [DHELLoss(both_views=both, gather_distributed=True) for both in (True, False)]
    for losses, name in ((alone, "energy"), (each, "reduction"), (some, "energy"), (both, "energy")):
        found = gloo(distributed_workers.own_loss, losses, views)
        assert found[0] == found[1] and found[0][0].startswith(f"'{name}' must be alike on all processes: ")


def test_a_graph_of_ones_own_is_told_all_rows():
    class Mine(InfoNCELoss):
        def graph(self, query, key, /):
            return super().graph(query, key)

    class Stated(Mine):
        rule = None

        def queries(self, num_views, inputs):
            return range(1)

    found = [loss().queries(2, ()) for loss in (InfoNCELoss, NTXentLoss, Mine, Stated)]
    assert found == [range(1), range(0), range(0), range(1)] and Mine.pairing is Stated.pairing is None
    assert SigLIPLoss().queries(2, ()) == range(1) and not SigLIPLoss().queries(2, ("labels",))
