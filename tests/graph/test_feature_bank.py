import copy
import io
import pickle
import re
from collections import deque

import distributed_workers
import pytest
import torch
import torch_geometric.transforms as T
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gnnclr.graph import AddKNNPositives
from gnnclr.graph.feature_bank import FeatureBank, banks_of
from gnnclr.graph.index import KNNIndex
from gnnclr.graph.rewiring.memory import AddMemoryPositives
from gnnclr.graph.rewiring.swap import SwapPositives

inf = float("inf")


def rows(n, d=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator)


def literal(bank, query, exclude_ids):
    """Cosine similarity of each query with each valid row, -inf where it must not be found."""
    score = (
        torch.nn.functional.normalize(query, dim=1) @ torch.nn.functional.normalize(bank.features.float(), dim=1).t()
    )
    if exclude_ids is not None:
        score[(bank.ids == exclude_ids[:, None]) & (exclude_ids[:, None] >= 0)] = -inf
    return score


def check_search(bank, query, k, exclude_ids=None):
    score, index = bank.search(query, k, exclude_ids)
    assert score.shape == index.shape == (query.size(0), k)
    expected = literal(bank, query, exclude_ids)
    best = nn.functional.pad(expected, (0, k), value=-inf).sort(dim=1, descending=True).values[:, :k]
    torch.testing.assert_close(score, best, atol=1e-5, rtol=1e-5)
    assert torch.equal(index < 0, best == -inf)
    own = nn.functional.pad(expected, (0, 1), value=-inf).gather(1, index % (expected.size(1) + 1))
    torch.testing.assert_close(own, best, atol=1e-5, rtol=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.lists(st.integers(0, 25), max_size=8))
def test_queue_equals_a_deque(size, batches):
    bank, model, count = FeatureBank(size, 2), deque(maxlen=size), 0
    for step, n in enumerate(batches):
        ids = torch.arange(count, count + n)
        bank.update(torch.stack([ids, -ids], dim=1).float(), ids)
        model.extend((int(i), step) for i in ids)
        count += n
        order = bank.ids.argsort()
        assert len(bank) == len(model) == bank.features.size(0)
        assert bank.ids[order].tolist() == [i for i, _ in model]
        assert bank.age[order].tolist() == [step - written for _, written in model]
        assert torch.equal(bank.features[:, 0].long(), bank.ids) and torch.equal(bank.features[:, 1].long(), -bank.ids)
        # Row r holds the newest of the rows whose number is r modulo the size.
        assert [i % size for i in bank.ids.tolist()] == list(range(len(model)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.lists(st.lists(st.integers(0, 5), max_size=9), max_size=6))
def test_sample_memory_equals_a_dict(size, batches):
    bank, model = FeatureBank(size, 1, mode="sample"), {}
    for step, ids in enumerate(batches):
        ids = [i % size for i in ids]
        values = [100 * step + j for j in range(len(ids))]
        bank.update(torch.tensor(values, dtype=torch.float32).view(-1, 1), torch.tensor(ids, dtype=torch.long))
        model.update((i, (value, step)) for i, value in zip(ids, values))
        assert bank.ids.tolist() == sorted(model)
        assert bank.features.flatten().tolist() == [model[i][0] for i in sorted(model)]
        assert bank.age.tolist() == [step - model[i][1] for i in sorted(model)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(["queue", "sample"]),
    st.sampled_from([None, "flat", "ivf", "hnsw"]),
    st.integers(1, 4),
    st.lists(st.integers(0, 14), max_size=6),
    st.integers(1, 20),
    st.booleans(),
    st.integers(0, 5),
)
def test_search_equals_brute_force(mode, kind, every, batches, k, exclude, seed):
    # Every kind is exact on so few rows: this is about which rows are stale, fresh or left out.
    bank = FeatureBank(16, 3, mode=mode, index=kind, rebuild_every=every)
    generator = torch.Generator().manual_seed(seed)
    for n in batches:
        ids = torch.randint(-1 if mode == "queue" else 0, 6 if mode == "queue" else 16, (n,), generator=generator)
        bank.update(torch.randn(n, 3, generator=generator), ids)
        query = torch.randn(4, 3, generator=generator)
        check_search(bank, query, k, torch.tensor([-1, 0, 2, 5]) if exclude else None)
    check_search(bank, torch.zeros(0, 3), k)


def test_approximate_search_of_a_large_bank():
    center = rows(30, 16)
    make = lambda seed: center[torch.arange(3000) % 30] + 0.2 * rows(3000, 16, seed)  # noqa: E731
    for kind in ("ivf", "hnsw"):
        bank = FeatureBank(3000, 16, index=kind, rebuild_every=4)
        bank.update(make(1), torch.arange(3000))
        bank.search(make(2)[:5], 3)
        bank.update(make(3)[:500], torch.arange(500))
        query = make(4)[:200]
        score, index = bank.search(query, 5, torch.arange(200))
        expected = literal(bank, query, torch.arange(200))
        best = expected.topk(5, dim=1)
        assert (index[:, :, None] == best.indices[:, None]).any(dim=2).float().mean() > 0.9
        torch.testing.assert_close(score, expected.gather(1, index), atol=1e-5, rtol=1e-5)
        assert (bank.age[index] == 0).any() and (bank.age[index] == 1).any()


def save_and_load(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("mode", ["queue", "sample"])
@pytest.mark.parametrize("kind", [None, "ivf", "hnsw"])
@pytest.mark.parametrize("stop", [3, 7, 8])
def test_resume_is_bit_exact(mode, kind, stop):
    # Coarse enough that another index would give other results.
    rough = {"num_cells": 8, "num_cells_to_visit": 2} if kind == "ivf" else {"num_links": 4, "ef": 8}
    index = None if kind is None else KNNIndex(kind, cosine=True, **rough)

    def make():
        return FeatureBank(300, 8, mode=mode, index=index, rebuild_every=3)

    def run(bank, steps):
        found = []
        for step in steps:
            generator = torch.Generator().manual_seed(step)
            x = torch.randn(90, 8, generator=generator)
            x[::7] = x[0]  # ties
            bank.update(x, torch.randint(300, (90,), generator=generator))
            found.append(bank.search(x[:50] + 0.1, 6, torch.arange(50)))
        return found

    whole = make()
    expected = run(whole, range(14))[stop:]
    first = make()
    run(first, range(stop))
    resumed = make()
    run(resumed, [99])  # has state and an index of its own, which must go
    resumed.load_state_dict(save_and_load(first.state_dict()))
    for a, b in zip(expected, run(resumed, range(stop, 14))):
        assert torch.equal(a.index, b.index) and torch.equal(a.score, b.score)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize("kind", [None, "ivf"])
def test_copies_are_independent(kind):
    bank = FeatureBank(1500, 8, index=kind)
    bank.update(rows(1200), torch.arange(1200))
    expected = bank.search(rows(9, seed=1), 3)
    for twin in (copy.deepcopy(bank), pickle.loads(pickle.dumps(bank)), copy.deepcopy(nn.Sequential(bank))[0]):
        assert torch.equal(twin.search(rows(9, seed=1), 3).index, expected.index)
        twin.update(rows(5))
        assert len(twin) == 1205 and len(bank) == 1200
    assert torch.equal(bank.search(rows(9, seed=1), 3).score, expected.score)


def test_state_is_persistent_and_has_no_parameters():
    bank = FeatureBank(4, 2, index="flat")
    names = {"storage", "storage_id", "written", "pointer", "step", "indexed", "indexed_written", "indexed_step"}
    assert set(bank.state_dict()) == names and not list(bank.parameters())
    assert set(FeatureBank(4, 2).state_dict()) == {"storage", "storage_id", "written", "pointer", "step"}
    with pytest.raises(RuntimeError, match="size mismatch"):
        bank.load_state_dict(FeatureBank(5, 2, index="flat").state_dict())


def test_settings_of_an_index():
    template = KNNIndex("ivf", cosine=True, num_cells=4, num_cells_to_visit=4)
    template.add(torch.eye(64, 8))
    bank = FeatureBank(64, 8, index=template, rebuild_every=2)
    bank.update(rows(64, seed=1))
    check_search(bank, rows(5, seed=2), 3)
    assert len(template) == 64 and torch.equal(template.embeddings, torch.eye(64, 8))


def test_dtypes_and_gradients():
    bank = FeatureBank(10, 4, dtype=torch.bfloat16, index="flat")
    x = rows(6, 4).requires_grad_()
    bank.update(x)
    assert bank.features.dtype == torch.bfloat16 and not bank.features.requires_grad
    assert torch.equal(bank.features, x.detach().to(torch.bfloat16))
    assert bank.search(x.half(), 2).index[:, 0].tolist() == list(range(6))
    bank = FeatureBank(10, 4)
    bank.update(x.half())
    assert bank.features.dtype == torch.float32
    bank.double()
    assert bank.search(x, 2).score.dtype == torch.float32 and bank.storage_id.dtype == torch.long


def test_a_loss_may_be_differentiated_after_the_next_update():
    bank, x = FeatureBank(4, 3), rows(4, 3).requires_grad_()
    bank.update(x)
    before = bank.features
    loss = (x * before).sum()
    bank.update(rows(4, 3, seed=1))
    loss.backward()
    assert torch.equal(x.grad, before)


def test_an_empty_bank():
    for kind in (None, "ivf"):
        bank = FeatureBank(4, 3, index=kind)
        assert len(bank) == 0 and bank and bank.features.shape == (0, 3) and bank.age.shape == (0,)
        score, index = bank.search(rows(2, 3), 5, torch.tensor([0, 1]))
        assert (score == -inf).all() and (index == -1).all() and index.shape == (2, 5)


def test_zero_rows_have_similarity_zero():
    bank = FeatureBank(3, 2)
    bank.update(torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]))
    assert bank.search(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 3).score.tolist() == [[1, 0, -1], [0, 0, 0]]
    assert bank.search(torch.tensor([[1.0, 0.0]]), 3).index.tolist() == [[1, 0, 2]]


def test_repr():
    assert repr(FeatureBank(4, 2)) == "FeatureBank(size=4, dim=2, mode='queue')"
    bank = FeatureBank(4, 2, mode="sample", index="ivf")
    assert repr(bank) == "FeatureBank(size=4, dim=2, mode='sample', index='ivf', rebuild_every=64)"


@pytest.mark.parametrize(
    "name,call",
    [
        ("size", lambda x, bank: FeatureBank(0, 2)),
        ("dim", lambda x, bank: FeatureBank(2, 2.5)),
        ("mode", lambda x, bank: FeatureBank(2, 2, mode="stack")),
        ("dtype", lambda x, bank: FeatureBank(2, 2, dtype=torch.long)),
        ("kind", lambda x, bank: FeatureBank(2, 2, index="tree")),
        ("index", lambda x, bank: FeatureBank(2, 2, index=KNNIndex("ivf"))),
        ("rebuild_every", lambda x, bank: FeatureBank(2, 2, rebuild_every=0)),
        ("x", lambda x, bank: bank.update(x[:, :2], torch.arange(3))),
        ("x", lambda x, bank: bank.update(x * float("nan"), torch.arange(3))),
        ("x", lambda x, bank: bank.update(x.long(), torch.arange(3))),
        ("ids", lambda x, bank: bank.update(x)),
        ("ids", lambda x, bank: bank.update(x, torch.arange(2))),
        ("ids", lambda x, bank: bank.update(x, torch.ones(3))),
        ("ids", lambda x, bank: bank.update(x, [0, 1, 2])),
        ("ids", lambda x, bank: bank.update(x, torch.tensor([0, 1, 5]))),
        ("ids", lambda x, bank: bank.update(x, torch.tensor([0, 1, -1]))),
        ("x", lambda x, bank: bank.search(x[0], 1)),
        ("x", lambda x, bank: bank.search(x / 0, 1)),
        ("k", lambda x, bank: bank.search(x, 0)),
        ("exclude_ids", lambda x, bank: bank.search(x, 1, torch.arange(2))),
    ],
)
def test_errors_name_the_argument_and_write_nothing(name, call):
    bank = FeatureBank(5, 3, mode="sample")
    before = copy.deepcopy(bank.state_dict())
    with pytest.raises(ValueError, match=f"'{name}' must"):
        call(torch.ones(3, 3), bank)
    assert all(torch.equal(value, before[key]) for key, value in bank.state_dict().items())


def test_gather_gives_all_processes_the_same_bank(gloo):
    """Also where some have no rows, and where one of them refuses its own."""
    sizes = ((3, 1), (0, 2), (4, 4), (0, 0))
    saved = gloo(distributed_workers.bank_gathers, sizes)

    expected = FeatureBank(8, 2)
    for counts in sizes:
        x = [torch.arange(2.0 * size).view(-1, 2) + 100 * rank for rank, size in enumerate(counts)]
        ids = [torch.arange(size) + 10 * rank for rank, size in enumerate(counts)]
        expected.update(torch.cat(x), torch.cat(ids))
    for state in saved:
        assert state["refused"]
        for name, value in expected.state_dict().items():
            assert torch.equal(state["bank"][name], value), name
    assert [state["alone"] for state in saved] == [7, 7]


def test_gather_without_processes_is_a_plain_update():
    bank = FeatureBank(4, 2)
    bank.update(rows(3, 2), gather=True)
    assert len(bank) == 3


def test_processes_that_bring_other_rows_refuse_together(gloo):
    x, ids = torch.ones(3, 2), torch.arange(3)
    good = [((x, ids), {}), ((x[:2], ids[:2]), {})]
    patterns = {
        (x[:, :1], ids): r"'x' must have shape \[n, 2\] \(got tensor of shape \[3, 1\] .* on rank 1\)",
        (x / 0, ids): r"'x' must be finite \(got 6 NaN or infinite entries on rank 1\)",
        (x, None): r"'ids' must be alike on all processes: .* \(got none on rank 1\)",
        (x, ids[:2]): r"'ids' must be an integer tensor of shape \[3\] \(got .* on rank 1\)",
        (x, ids.float()): r"'ids' must be an integer tensor of shape \[3\] \(got .* on rank 1\)",
    }
    cases = [[good[0], (bad, {})] for bad in patterns]
    (first, step), (other, _) = gloo(
        distributed_workers.bank_refusals, [FeatureBank(5, 2), FeatureBank(5, 2)], [*cases, good]
    )
    assert first == other and first[-1] is None and step == 1
    for pattern, message in zip(patterns.values(), first):
        assert re.fullmatch(pattern, message), message
    for other_bank in (FeatureBank(6, 2), FeatureBank(5, 2, mode="sample")):
        (first, step), (other, _) = gloo(distributed_workers.bank_refusals, [FeatureBank(5, 2), other_bank], [good])
        assert first == other and step == 0
        assert re.fullmatch(r"'bank' must be alike on all processes: .* \(got FeatureBank\(.*\) on rank 1\)", first[0])
    sample = [FeatureBank(5, 2, mode="sample") for _ in range(2)]
    (first, _), _ = gloo(distributed_workers.bank_refusals, sample, [[good[0], ((x, ids + 3), {})]])
    assert first == ["'ids' must lie between 0 and 4 (got values 3 to 5 on rank 1)"]


def test_banks_of_a_rewiring():
    queue, memory = FeatureBank(8, 4), FeatureBank(9, 4, mode="sample")
    assert banks_of(None) == banks_of(AddKNNPositives()) == banks_of(T.TwoHop()) == []
    assert banks_of(AddKNNPositives(bank=queue)) == [queue]
    inner = T.Compose([SwapPositives(queue), AddMemoryPositives(memory)])
    assert banks_of(T.Compose([AddKNNPositives(bank=queue), AddKNNPositives(), inner])) == [queue, memory]
