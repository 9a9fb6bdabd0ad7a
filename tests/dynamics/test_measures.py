import math

import pytest
import torch
import torch.nn.functional as F

from gnnclr.dynamics import sphere_measures
from gnnclr.graph import ContrastGraph, augmentation_graph


def views(n=9):
    return [torch.randn(n, 4, generator=torch.Generator().manual_seed(v)) for v in range(2)]


def test_measures_of_pairs_are_those_of_the_edges():
    graph = augmentation_graph(views())
    z = F.normalize(graph.x, dim=1)
    similarity = (z[:9] * z[9:]).sum(1).mean().item()
    values = {name: measure(graph.x).item() for name, measure in sphere_measures(graph).items()}
    assert set(values) == {"alignment", "positive_similarity", "uniformity", "effective_rank"}
    assert values["positive_similarity"] == pytest.approx(similarity, rel=1e-5)
    assert values["alignment"] == pytest.approx(2 - 2 * similarity, rel=1e-5)


def test_implicit_positives_and_edges_agree():
    labels = torch.arange(9) % 4
    explicit, implicit = (sphere_measures(augmentation_graph(views(), labels, edges=edges)) for edges in (True, False))
    x = torch.cat(views())
    assert {k: v(x).item() for k, v in implicit.items()} == pytest.approx(
        {k: v(x).item() for k, v in explicit.items()}, rel=1e-5
    )


def test_rows_of_the_bank_and_missing_pairs():
    x = torch.cat(views())
    edge_index = torch.tensor([[0, 18], [1, 2]])
    graph = ContrastGraph(x=x, edge_index=edge_index, bank=torch.ones(3, 4))
    alone = ContrastGraph(x=x, edge_index=edge_index[:, :1])
    for name in ("alignment", "positive_similarity"):
        assert sphere_measures(graph)[name](x) == sphere_measures(alone)[name](x)
        assert math.isnan(sphere_measures(ContrastGraph(x=x))[name](x))
