import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import AFGRL, GCNEncoder, sbm
from gnnclr.node.methods.afgrl import k_means_labels, local_and_global_positives


class TestAFGRL(NodeMethodContract):
    def make(self):
        return AFGRL(self.gcn(norm="batch_norm"), num_clusters=4, num_runs=1)


def build(**kwargs):
    torch.manual_seed(0)
    return AFGRL(GCNEncoder(20, 8, 8), **kwargs)


def test_positives_are_neighbors_in_the_graph_or_the_cluster():
    neighbors = torch.tensor([[1, 2, 3, 0, 3], [0, 0, 0, 1, 2]])
    edge_index = torch.tensor([[1, 0], [0, 3]])  # 1 → 0 counts, 0 → 3 is another direction
    labels = torch.tensor([[0, 1, 0, 2], [0, 1, 2, 2]])  # 0 with 2 in the first run, 2 with 3 in the second
    found = local_and_global_positives(neighbors, edge_index, labels)
    assert found.t().tolist() == [[1, 0], [2, 0], [3, 2]]


def test_clusters_depend_on_the_generator_only():
    torch.manual_seed(0)
    z = torch.randn(40, 5) + 6 * (torch.arange(40) % 2).unsqueeze(1)
    torch.manual_seed(1)
    labels = k_means_labels(z, 2, 3)
    torch.manual_seed(1)
    assert labels.equal(k_means_labels(z, 2, 3)) and labels.shape == (3, 40)
    assert all((run[::2] == run[0]).all() and (run[1::2] != run[0]).all() for run in labels)
    assert k_means_labels(z[:3], 10, 1).shape == (1, 3)


def test_loss_pair_by_pair():
    data, method = sbm(30, num_features=20), build(k=3, num_clusters=4, num_runs=2)
    method.target.module.layers[0].weight.data.add_(0.1)
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(data)
    torch.manual_seed(1)
    h, t = (F.normalize(e(data.x, data.edge_index)) for e in (method.encoder, method.target))
    q = F.normalize(method.predictor(method.encoder(data.x, data.edge_index)))
    j, i = method.positives(h, t, data.edge_index)
    terms = [(2 - 2 * q[a] @ t[b]) + (2 - 2 * q[b] @ t[a]) for a, b in zip(i, j)]
    assert loss.item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-4)
    assert logs["positives"].item() == pytest.approx(len(terms) / 30)
    # The nearest among the copy's embeddings, and the node itself.
    nearest = (h @ t.t()).fill_diagonal_(-2).topk(2, dim=1).indices
    assert (i[:30] == j[:30]).all()
    assert all(b in nearest[a] for a, b in zip(i[30:], j[30:]))


def test_one_positive_is_the_node_itself():
    data, method = sbm(30, num_features=20), build(k=1)
    assert method.training_step_loss(data)[1]["positives"].item() == 1


def test_errors():
    with pytest.raises(ValueError, match="'k' must be a positive integer"):
        build(k=0)
