import pytest
import torch
from torch_geometric.utils import to_torch_coo_tensor

from gnnclr.dynamics import augmentation_eigenvectors, joint_distribution, principal_angles
from gnnclr.dynamics import spectrum as spectrum_module
from gnnclr.graph import AddKNNPositives, ContrastGraph, augmentation_graph
from gnnclr.nn import AlignmentConv


def random_joint(n=30, seed=0, density=0.4):
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(n, n, generator=generator, dtype=torch.float64)
    a = a * (torch.rand(n, n, generator=generator) < density)
    return a + a.t()


def literal(a):
    root = a.sum(1).rsqrt().diag()
    values, vectors = torch.linalg.eigh(root @ a @ root)
    return values.flip(0), vectors.flip(1)


def random_graph(weighted):
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    graph = AddKNNPositives(k=3)(augmentation_graph([x[:20], x[20:]]))
    if weighted:
        graph.edge_weight = torch.rand(graph.edge_index.size(1), generator=torch.Generator().manual_seed(1))
    return graph


@pytest.mark.parametrize("layout", ["dense", "coo", "csr"])
def test_equals_the_dense_decomposition(layout):
    a = random_joint()
    values, vectors = literal(a)
    form = {"dense": a, "coo": a.to_sparse_coo(), "csr": a.to_sparse_csr()}[layout]
    got_values, got_vectors = augmentation_eigenvectors(form, 4)
    torch.testing.assert_close(got_values, values[:4], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(got_vectors.t() @ got_vectors, torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-10)
    torch.testing.assert_close((got_vectors * vectors[:, :4]).sum(0).abs(), torch.ones(4, dtype=torch.float64))
    assert bool((got_vectors.gather(0, got_vectors.abs().argmax(0, keepdim=True)) > 0).all())


def test_first_eigenvector_is_the_constant():
    a = random_joint()
    values, vectors = augmentation_eigenvectors(a, 1)
    assert values.item() == pytest.approx(1.0, abs=1e-12)
    torch.testing.assert_close(vectors[:, 0], (a.sum(1) / a.sum()).sqrt())


def test_iterative_form_equals_the_dense_one(monkeypatch):
    a = random_joint(60, seed=2).to_sparse_coo()
    dense = augmentation_eigenvectors(a, 5)
    monkeypatch.setattr(spectrum_module, "DENSE_NODES", 10)
    sparse = augmentation_eigenvectors(a, 5)
    torch.testing.assert_close(sparse[0], dense[0], rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(sparse[1], dense[1], rtol=1e-6, atol=1e-8)
    assert all(torch.equal(x, y) for x, y in zip(sparse, augmentation_eigenvectors(a, 5)))


def test_one_eigenvalue_of_one_for_each_component():
    a = torch.block_diag(random_joint(8, 1, 0.9), random_joint(9, 2, 0.9), random_joint(10, 3, 0.9))
    values, vectors = augmentation_eigenvectors(a, 4)
    assert values[:3].tolist() == pytest.approx([1.0] * 3, abs=1e-12) and values[3] < 0.9
    member = torch.block_diag(*(torch.ones(n, 1, dtype=torch.float64) for n in (8, 9, 10)))
    assert principal_angles(a.sum(1, keepdim=True).sqrt() * member, vectors[:, :3]).max() < 1e-10


def test_nodes_that_are_never_drawn_have_zeros():
    a = random_joint(12, density=0.9)
    a[3], a[:, 3] = 0, 0
    values, vectors = augmentation_eigenvectors(a, 2)
    assert values[0].item() == pytest.approx(1.0) and vectors[3].abs().max() < 1e-12


@pytest.mark.parametrize("weighted", [False, True])
def test_joint_distribution_is_that_of_the_alignment_layer(weighted):
    graph = random_graph(weighted)
    joint = joint_distribution(graph)
    dense = joint.to_dense()
    assert dense.sum().item() == pytest.approx(1.0) and torch.equal(dense, dense.t())
    z = torch.randn(40, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    energy = AlignmentConv(0.3).energy(z, graph)
    torch.testing.assert_close(-(dense * (z @ z.t())).sum() / 0.3, energy)
    torch.testing.assert_close(augmentation_eigenvectors(graph, 3)[0], literal(dense)[0][:3])


def test_implicit_positives_and_edges_agree():
    views = [torch.randn(10, 4, generator=torch.Generator().manual_seed(v)) for v in range(3)]
    labels = torch.arange(10) % 3
    explicit, implicit = (augmentation_graph(views, labels, edges=edges) for edges in (True, False))
    torch.testing.assert_close(joint_distribution(implicit).to_dense(), joint_distribution(explicit).to_dense())
    assert implicit.edge_index is None


def test_edges_of_pyg_are_weights():
    edge_index = torch.tensor([[0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 0, 2]])
    values, _ = augmentation_eigenvectors(to_torch_coo_tensor(edge_index, size=3), 3)
    assert values.tolist() == pytest.approx([1.0, -0.5, -0.5])


def test_bad_input():
    a = random_joint()
    with pytest.raises(ValueError, match="'k' must be at most the 30 nodes"):
        augmentation_eigenvectors(a, 31)
    with pytest.raises(ValueError, match="'joint' must not be negative"):
        augmentation_eigenvectors(-a, 2)
    with pytest.raises(ValueError, match="'joint' must be symmetric"):
        augmentation_eigenvectors(a.triu(), 2)
    with pytest.raises(ValueError, match=r"'joint' must be a floating point matrix of shape \[n, n\]"):
        augmentation_eigenvectors(a[:5], 2)
    with pytest.raises(ValueError, match="without a bank"):
        joint_distribution(ContrastGraph(x=torch.zeros(3, 2), bank=torch.zeros(4, 2)))
