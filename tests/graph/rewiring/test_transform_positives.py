import pytest
import torch
import torch_geometric.transforms as T
from contracts.rewiring import RewiringContract
from literal_nt_xent import edges_of
from torch_geometric.data import Data

from gnnclr.graph import AddKNNPositives, FeatureBank, augmentation_graph
from gnnclr.graph.rewiring.transform_positives import TransformPositives
from gnnclr.losses import NTXentLoss


class TestTransformPositives(RewiringContract):
    def make(self):
        return TransformPositives(T.TwoHop(), fill_value=0.1)


def batch(n=6, views=2):
    generator = torch.Generator().manual_seed(0)
    return augmentation_graph([torch.randn(n, 5, generator=generator) for _ in range(views)])


def dense(graph):
    """The weights of positives [source, anchor]."""
    n = graph.num_nodes
    matrix = torch.zeros(n, n, dtype=torch.float64)
    for (p, i), w in edges_of(graph).items():
        if p < n:
            matrix[p, i] = w
    return matrix


def normalized(a):
    a = a + torch.eye(a.size(0), dtype=a.dtype)
    degree = a.sum(dim=0)
    return a / degree.sqrt()[:, None] / degree.sqrt()


@pytest.mark.parametrize("method", ["ppr", "heat", "coeff"])
def test_diffusion(method):
    """GDC on views and neighbors is the closed form of its paper, without the diagonal."""
    graph = AddKNNPositives(k=2, weight=0.7)(batch())
    t = normalized(dense(graph))
    eye = torch.eye(12, dtype=t.dtype)
    arguments, expected = {
        "ppr": ({"alpha": 0.15}, 0.15 * torch.linalg.inv(eye - 0.85 * t)),
        "heat": ({"t": 3.0}, torch.linalg.matrix_exp(3 * (t - eye))),
        "coeff": ({"coeffs": [0.2, 0.5, 0.3]}, 0.2 * eye + 0.5 * t + 0.3 * t @ t),
    }[method]
    gdc = T.GDC(
        normalization_out=None,
        diffusion_kwargs={"method": method, **arguments},
        sparsification_kwargs={"method": "topk", "k": 12, "dim": 0},
    )
    out = TransformPositives(gdc)(graph)
    torch.testing.assert_close(dense(out), expected.fill_diagonal_(0), rtol=1e-4, atol=1e-6)
    assert out.validate() and torch.isfinite(NTXentLoss(0.3)(out.x, out))


def test_the_largest_entries_of_each_anchor():
    gdc = T.GDC(
        diffusion_kwargs={"method": "ppr", "alpha": 0.15}, sparsification_kwargs={"method": "topk", "k": 4, "dim": 0}
    )
    graph = AddKNNPositives(k=3)(batch())
    out = TransformPositives(gdc)(graph)
    assert int(out.edge_index[1].bincount().max()) <= 4
    full = 0.15 * torch.linalg.inv(torch.eye(12, dtype=torch.float64) - 0.85 * normalized(dense(graph)))
    for i in range(12):
        top = set(full[:, i].topk(4).indices.tolist()) - {i}
        assert {p for p, target in edges_of(out) if target == i} == top


def test_default_diffusion_on_views_alone():
    """Views of a sample are a component of their own: nothing flows out, however many edges a threshold would keep."""
    out = TransformPositives(T.GDC())(batch(views=3))
    assert set(edges_of(out)) == set(edges_of(batch(views=3)))
    torch.testing.assert_close(out.edge_weight, out.edge_weight[:1].expand(36))


def test_two_hops():
    graph = AddKNNPositives(k=1)(batch())
    a = dense(graph)
    reached = {(p, i) for p, i in (a @ a).nonzero().tolist() if p != i}
    out = TransformPositives(T.TwoHop(), fill_value=0.25)(graph)
    expected = {edge: 0.25 for edge in reached} | edges_of(graph)
    assert edges_of(out) == pytest.approx(expected) and len(expected) > graph.edge_index.size(1)
    apart = graph.clone()
    apart.edge_index, apart.edge_weight = graph.edge_index[:, :0], graph.edge_weight[:0]
    views = Data(edge_index=batch().edge_index, num_nodes=12)
    added = TransformPositives(lambda data: views, fill_value=0.25)(apart)  # where there was no edge before
    assert edges_of(added) == dict.fromkeys(edges_of(batch()), 0.25)
    plain = batch(views=3)
    plain.edge_index = plain.edge_index[:, plain.edge_index[1] < 12]
    a = dense(plain)
    reached = {(p, i) for p, i in (a + a @ a).nonzero().tolist() if p != i}
    assert edges_of(TransformPositives(T.TwoHop())(plain)) == dict.fromkeys(reached, 1.0)


def test_self_loops_are_no_positives():
    graph = AddKNNPositives(k=1)(batch())
    out = TransformPositives(T.AddSelfLoops(), attr="edge_weight")(graph)
    assert edges_of(out) == pytest.approx(edges_of(graph))
    both = T.Compose([T.AddSelfLoops("edge_attr"), T.ToUndirected(reduce="max")])
    out, a = TransformPositives(both)(graph), dense(graph)
    torch.testing.assert_close(dense(out), torch.maximum(a, a.t()))


def test_positives_from_a_bank_stay():
    bank = FeatureBank(16, 5)
    bank.update(torch.randn(9, 5, generator=torch.Generator().manual_seed(1)))
    graph = T.Compose([AddKNNPositives(k=1), AddKNNPositives(k=2, bank=bank)])(batch())
    out = TransformPositives(T.GDC(sparsification_kwargs={"method": "topk", "k": 3, "dim": 0}))(graph)
    assert {e: w for e, w in edges_of(out).items() if e[0] >= 12} == {
        e: w for e, w in edges_of(graph).items() if e[0] >= 12
    }
    assert torch.equal(out.bank.rows, graph.bank.rows) and out.validate()


def test_the_transform_sees_a_plain_graph():
    seen = []

    def look(data):
        seen.append(data)
        return data

    graph = AddKNNPositives(k=1)(batch())
    before = edges_of(graph)
    out = TransformPositives(look)(graph)
    assert (
        type(seen[0]) is Data
        and seen[0].num_nodes == 12
        and set(seen[0].keys())
        == {
            "edge_index",
            "num_nodes",
            "edge_attr",
        }
    )
    assert edges_of(out) == before and edges_of(graph) == before
    TransformPositives(look)(batch())
    assert seen[1].edge_attr is None


def test_wrong_arguments():
    for arguments, message in (
        ({"transform": 3}, "'transform' must be callable"),
        ({"transform": T.TwoHop(), "attr": 3}, "'attr' must be the name of an attribute"),
        ({"transform": T.TwoHop(), "fill_value": -1.0}, "'fill_value' must be a positive number"),
    ):
        with pytest.raises(ValueError, match=message):
            TransformPositives(**arguments)
    graph = AddKNNPositives(k=1)(batch())
    with pytest.raises(
        ValueError, match=r"'attr' must name the weights .*: of 36 edges \(got 24 weights as 'edge_attr'"
    ):
        TransformPositives(T.AddSelfLoops())(graph)
    with pytest.raises(ValueError, match="'transform' must return a graph of the same 12 nodes"):
        TransformPositives(T.VirtualNode())(graph)
    assert repr(TransformPositives(T.TwoHop())) == "TransformPositives(TwoHop())"
