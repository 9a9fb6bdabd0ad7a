from importlib import import_module

import pytest
import torch

from gnnclr.eval import retrieval_recall


def problem(n=30, m=20, d=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    query, key = torch.randn(n, d, generator=generator), torch.randn(m, d, generator=generator)
    pairs = torch.stack(
        [torch.randint(n - 3, (45,), generator=generator), torch.randint(m, (45,), generator=generator)]
    )
    return query, key, pairs  # the last three queries own nothing


def literal(query, key, pairs, k):
    cosine = torch.nn.functional.cosine_similarity
    hits = []
    for i in range(len(query)):
        own = {int(j) for q, j in pairs.t() if q == i}
        if own:
            order = sorted(range(len(key)), key=lambda j: -float(cosine(query[i], key[j], dim=0)))
            hits.append(bool(own & set(order[:k])))
    return sum(hits) / len(hits)


@pytest.mark.parametrize("ways", [False, True])
def test_equals_a_loop_over_queries(ways):
    query, key, pairs = problem()
    if ways:
        query, key, pairs = key, query, pairs.flip(0)
    found = retrieval_recall(query, key, pairs, k=(1, 3, 5, 100))
    assert found == pytest.approx({k: literal(query, key, pairs, k) for k in (1, 3, 5, 100)})
    assert 0 < found[1] < found[5] < found[100] == 1


def test_tiles_of_many_rows(monkeypatch):
    query, key, pairs = problem()
    expected = retrieval_recall(query, key, pairs)
    monkeypatch.setattr(import_module("gnnclr.eval.retrieval_recall"), "tile_rows", lambda columns, device: 7)
    assert retrieval_recall(query, key, pairs) == expected


def test_wrong_arguments():
    query, key, pairs = problem()
    for arguments, message in (
        ((query, key, pairs[:, :0]), r"'pairs' must be pairs .* \(got no pair\)"),
        ((query, key, pairs + 25), "'pairs' must be pairs .* among"),
        ((query, key[:, :2], pairs), "'key' must"),
        ((query * float("nan"), key, pairs), "'query' must"),
    ):
        with pytest.raises(ValueError, match=message):
            retrieval_recall(*arguments)
    with pytest.raises(ValueError, match="'k' must be"):
        retrieval_recall(query, key, pairs, k=(0,))
