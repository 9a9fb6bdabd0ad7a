"""Contrastive updates find the leading eigenvectors of an augmentation graph that is known."""

import pytest
import torch

from gnnclr.dynamics import augmentation_eigenvectors, joint_distribution, principal_angles, simulate
from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn import AlignmentConv, ContrastiveConv, PotentialConv, WeightedSum
from gnnclr.ops.kernels import Square

BLOCKS = 3


def block_joint(n, inside=0.6, outside=0.05, sampled=True, seed=0):
    """The joint distribution of positives of a stochastic block model, all nodes equally likely. A node is no positive
    of itself."""
    block = torch.arange(n) * BLOCKS // n
    a = torch.where(block[:, None] == block, inside, outside).double()
    if sampled:
        generator = torch.Generator().manual_seed(seed)
        a = (torch.rand(n, n, generator=generator, dtype=a.dtype) < a).double().triu(1)
        a = a + a.t()
    a.fill_diagonal_(0)
    for _ in range(500):  # Sinkhorn's iteration, symmetric
        root = a.sum(1).rsqrt()
        a = root[:, None] * a * root
    return a / a.sum()


def graph_of(joint):
    edge_index = joint.nonzero().t()
    return ContrastGraph(
        sample=torch.arange(len(joint)),
        edge_index=edge_index,
        edge_weight=joint[edge_index[0], edge_index[1]],
        negatives=Negatives(exclude="self"),
    )


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Spectral:
    """The spectral contrastive loss of a population with any probabilities of its nodes, in plain torch."""

    def __init__(self, joint):
        self.joint, self.p = joint, joint.sum(1, keepdim=True)

    def energy(self, z, graph):
        return -2 * (self.joint * (z @ z.t())).sum() + (self.p * self.p.t() * (z @ z.t()).square()).sum()

    def __call__(self, z, graph):
        return 4 * self.joint @ z - 4 * self.p * (z @ (z.t() @ (self.p * z)))


@pytest.mark.parametrize("k", [1, 3])
def test_minimizers_of_the_spectral_loss_span_the_leading_eigenvectors(k):
    # Some nodes are drawn more often than others, so embeddings have to be weighed by the roots of their probabilities.
    joint = block_joint(60)
    odds = torch.rand(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.2
    joint = odds[:, None] * joint * odds
    joint = joint / joint.sum()
    values, vectors = augmentation_eigenvectors(joint, BLOCKS)
    graph = ContrastGraph(sample=torch.arange(60))
    start = 0.3 * points(60, k)
    out = simulate(Spectral(joint), graph, start, rounds=1000, record_every=1000, retract=False, measures={})
    weighted = joint.sum(1, keepdim=True).sqrt() * out.z
    assert principal_angles(weighted, vectors[:, :k]).max() < 1e-9
    assert out.energy[-1].item() == pytest.approx(-values[:k].square().sum().item(), rel=1e-9)
    assert principal_angles(out.z, vectors[:, :k]).max() > 0.05


def test_layers_of_the_spectral_loss_span_the_leading_eigenvectors():
    # All pairs of different nodes in place of the population, which also pairs a node with itself.
    joint = block_joint(120)
    _, vectors = augmentation_eigenvectors(joint, BLOCKS)
    conv = WeightedSum((1.0, AlignmentConv(temperature=0.5)), (1.0, PotentialConv(Square())))
    out = simulate(conv, graph_of(joint), 0.3 * points(120, 3), rounds=200, retract=False, record_every=200)
    assert principal_angles(out.z, vectors).max() < 0.01


def info_nce(joint, temperature, z=None):
    """Embeddings on the circle, one dimension less than there are blocks, and their angles to the eigenvectors that
    follow the constant one."""
    graph = graph_of(joint)
    _, vectors = augmentation_eigenvectors(graph, BLOCKS)
    conv = ContrastiveConv(temperature, denominator="none")
    options = {"step_size": 0.25 * min(temperature, temperature**2), "record_every": 300, "tolerance": 1e-4}
    start = points(len(joint), BLOCKS - 1, seed=1) if z is None else z
    out = simulate(conv, graph, start, rounds=300, measures={}, **options)
    return out.z, principal_angles(out.z, vectors[:, 1:]).max().item()


def test_info_nce_spans_the_eigenvectors_of_blocks_exactly():
    _, angle = info_nce(block_joint(60, sampled=False), temperature=1.0)
    assert angle < 1e-3


def test_info_nce_spans_the_eigenvectors_of_a_sampled_graph_nearly():
    # What is left is that rows have unit length and those of eigenvectors do not. It falls with the number of nodes, as
    # eigenvectors concentrate, and grows as the temperature falls: logits then have to tell apart nodes of one block.
    joint = block_joint(120)
    assert torch.allclose(joint_distribution(graph_of(joint)).to_dense(), joint)
    z, angle = info_nce(joint, temperature=2.0)
    _, colder = info_nce(joint, temperature=0.5, z=z)
    _, larger = info_nce(block_joint(240), temperature=2.0)
    assert larger < angle < 0.15 < colder < 0.35
