import copy
import pickle

import pytest
import torch
import torch_geometric.transforms as T
from torch_geometric.data import Batch

from gnnclr.graph import Bank, ContrastGraph, Negatives, augmentation_graph
from gnnclr.nn import ContrastiveConv, UniformityConv
from gnnclr.nn.alignment import positive_weights


def views(n=4, count=2):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 3, generator=generator) for _ in range(count)]


def test_views_are_stacked_and_paired():
    z0, z1 = views()
    graph = augmentation_graph([z0, z1])
    assert torch.equal(graph.x, torch.cat([z0, z1]))
    assert graph.sample.tolist() == [0, 1, 2, 3] * 2 and graph.view.tolist() == [0] * 4 + [1] * 4
    assert graph.edge_index.tolist() == [[4, 5, 6, 7, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7]]
    assert graph.num_views == 2 and graph.num_nodes == 8 and graph.num_candidates == 8
    assert graph.has_positive.all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_every_pair_of_views(count):
    graph = augmentation_graph(views(count=count))
    pairs = {(j, i) for i in range(4 * count) for j in range(4 * count) if i != j and i % 4 == j % 4}
    assert set(zip(*graph.edge_index.tolist())) == pairs and graph.edge_index.size(1) == len(pairs)
    assert (graph.edge_index[1].diff() >= 0).all()


def test_labels():
    labels = torch.tensor([5, -1, 5, 2])
    graph = augmentation_graph(views(), labels)
    pairs = {(j, i) for i in range(8) for j in range(8) if i != j and labels[i % 4] == labels[j % 4]}
    assert set(zip(*graph.edge_index.tolist())) == pairs
    implicit = augmentation_graph(views(), labels, edges=False)
    assert implicit.edge_index is None and torch.equal(implicit.group, graph.group)
    assert torch.equal(implicit.has_positive, graph.has_positive)


def test_positives_are_edges_also_where_they_are_implicit():
    labels = torch.tensor([5, -1, 5, 2])
    graph, implicit = (augmentation_graph(views(), labels, edges=edges) for edges in (True, False))
    assert graph.positives is graph.edge_index and graph.with_edges() is graph
    assert torch.equal(implicit.positives, graph.edge_index) and implicit.edge_index is None
    explicit = implicit.with_edges()
    assert torch.equal(explicit.edge_index, graph.edge_index) and explicit.x is implicit.x
    assert implicit.edge_index is None  # a copy got them


def test_it_is_a_pyg_graph():
    graph = augmentation_graph(views(), negatives=Negatives(log_weight=(torch.ones(8, 1), torch.ones(8, 1))))
    moved = graph.clone().to("meta")
    assert moved.x.device.type == moved.negatives.log_weight[0].device.type == "meta"
    for twin in (copy.copy(graph), copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert isinstance(twin, ContrastGraph) and torch.equal(twin.edge_index, graph.edge_index) and twin.bank is None
        assert torch.equal(twin.view, graph.view)
    assert T.AddSelfLoops()(augmentation_graph(views())).edge_index.size(1) == 16
    assert graph.validate()


def test_negatives_are_a_small_rule():
    assert repr(Negatives()) == "Negatives()"
    assert repr(Negatives(scope="other", candidates=(1,))) == "Negatives(scope='other', candidates=(1,))"
    with pytest.raises(ValueError, match="'scope' must be one of 'all', 'other', 'same'"):
        Negatives(scope="both")
    with pytest.raises(ValueError, match="'exclude' must be one of"):
        Negatives(exclude="labels")
    with pytest.raises(ValueError, match="'candidates' must be a tuple of view numbers"):
        Negatives(candidates=1)
    with pytest.raises(ValueError, match="'log_weight' must be two tensors of one shape"):
        Negatives(log_weight=(torch.ones(3, 1), torch.ones(3, 2)))
    with pytest.raises(AttributeError):
        Negatives().scope = "other"


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"x": torch.zeros(3)}, "'x' must be a floating point tensor"),
        ({"edge_index": torch.tensor([[0], [4]])}, "'edge_index' must have targets below 4 and sources below 4"),
        ({"edge_index": torch.tensor([[5], [0]]), "bank": torch.zeros(1, 3)}, "sources below 5"),
        ({"edge_index": torch.zeros(3, 2).long()}, r"'edge_index' must be an integer tensor of shape \[2, e\]"),
        (
            {"edge_index": torch.tensor([[0, 1], [1, 0]]), "edge_weight": torch.ones(3)},
            r"'edge_weight' must have shape \[2\]",
        ),
        (
            {"edge_index": torch.tensor([[0, 1], [1, 0]]), "edge_weight": -torch.ones(2)},
            "'edge_weight' must not be negative",
        ),
        ({"edge_index": torch.tensor([[0, 1, 2], [1, 1, 2]])}, r"'edge_index' must be without self-loops.*\(got 2\)"),
        ({"edge_index": torch.ones(2, 2, dtype=torch.bool)}, "'edge_index' must be an integer tensor"),
        ({"edge_weight": torch.ones(2)}, "'edge_weight' needs an 'edge_index'"),
        ({"sample": torch.zeros(3).long()}, r"'sample' must be an integer tensor of shape \[4\]"),
        ({"group": torch.zeros(4)}, r"'group' must be an integer tensor"),
        ({"anchor": torch.zeros(4)}, r"'anchor' must be a boolean tensor of shape \[4\]"),
        ({"view": torch.tensor([0, 0, -1, 1])}, "'view' must not be negative"),
        ({"bank": torch.full((2, 3), float("nan"))}, "'bank' must be finite"),
        ({"negatives": "all"}, "'negatives' must be a Negatives rule"),
        ({"negatives": Negatives(log_weight=(torch.ones(9, 1),) * 2)}, "must have a row for each of the 4 nodes"),
        ({"negatives": Negatives(log_weight=(torch.ones(4, 1) / 0,) * 2)}, "'negatives.log_weight' must be finite"),
        ({"bank": torch.zeros(2, 7)}, r"'bank' must have shape \[n, 3\]"),
        ({"negative_index": torch.tensor([[0], [-1]])}, "'negative_index' must have"),
    ],
)
def test_wrong_parts_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContrastGraph(**({"x": torch.zeros(4, 3)} | arguments))


@pytest.mark.parametrize("name", ["bank_view", "negative", "edge_weights", "y"])
def test_unknown_parts_are_refused(name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        ContrastGraph(torch.zeros(4, 3), **{name: torch.zeros(4)})


def test_what_a_dictionary_of_a_graph_has_makes_it_again():
    graph = augmentation_graph(views())
    graph.sample_id, graph.anchor = torch.arange(8).int(), graph.view == 0
    again = ContrastGraph.from_dict(graph.to_dict())
    assert set(again.keys()) == set(graph.keys()) and again.sample_id.dtype == torch.int64 and again.num_nodes == 8
    assert ContrastGraph(num_nodes=5).num_nodes == 5 and ContrastGraph(torch.zeros(4, 3)).num_nodes == 4


@pytest.mark.parametrize(
    "arguments,message",
    [
        (([],), "'views' must be a non-empty list"),
        ((torch.zeros(3, 2),), "'views' must be a non-empty list"),
        (([torch.zeros(3, 2), torch.zeros(4, 2)],), r"'views\[1\]' must have shape \[3, 2\]"),
        ((views(), torch.zeros(3).long()), r"'labels' must be an integer tensor of shape \[4\]"),
        ((views(), torch.full((4,), 0.5)), r"'labels' must hold whole numbers"),
    ],
)
def test_wrong_views_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        augmentation_graph(*arguments)


def test_empty_batch():
    graph = augmentation_graph([torch.zeros(0, 3)] * 2)
    assert graph.num_nodes == 0 and graph.edge_index.shape == (2, 0)


def test_collating_is_refused():
    graphs = [augmentation_graph([torch.randn(3, 2), torch.randn(3, 2)]) for _ in range(2)]
    with pytest.raises(ValueError, match="cannot be collated"):
        Batch.from_data_list(graphs)


def test_rows_of_the_bank_may_belong_to_views():
    """Anchors of a view then see the bank's rows of the other view only, for a rule of that scope."""
    views, bank = [torch.nn.functional.normalize(torch.randn(4, 3)) for _ in range(2)], torch.randn(5, 3)
    graph = augmentation_graph(views, negatives=Negatives("other", candidates=()), bank=bank)
    graph.bank = Bank(bank, view=torch.tensor([0, 1, 1, 0, 1]))
    graph.validate()
    lse = UniformityConv(0.5).log_partition(graph.x, graph).lse
    s = graph.x @ bank.t() / 0.5
    expected = [torch.logsumexp(s[i, graph.bank.view != graph.view[i]], 0) for i in range(8)]
    torch.testing.assert_close(lse, torch.stack(expected))
    with pytest.raises(ValueError, match=r"'bank.view' must be an integer tensor of shape \[5\]"):
        ContrastGraph(graph.x, bank=Bank(bank, view=torch.zeros(4)))


def test_graphs_of_one_size_share_what_is_derived_from_their_structure():
    first, second = (augmentation_graph([torch.randn(5, 3), torch.randn(5, 3)]) for _ in range(2))
    assert positive_weights(first.x, first)[1] is positive_weights(second.x, second)[1]
    second.edge_index.add_(0)  # who writes has tensors of their own from then on
    assert positive_weights(first.x, first)[1] is not positive_weights(second.x, second)[1]


def test_writing_into_a_graph_leaves_the_next_one_alone():
    views = [torch.randn(5, 3), torch.randn(5, 3)]
    for name in ("edge_index", "sample", "view"):
        graph = augmentation_graph(views)
        expected = graph[name].clone()
        graph[name].add_(1)
        assert torch.equal(augmentation_graph(views)[name], expected)


def test_structure_made_in_inference_mode_can_be_trained_with():
    views = [torch.randn(9, 3, requires_grad=True), torch.randn(9, 3)]
    with torch.inference_mode():
        augmentation_graph([view.detach() for view in views])
    graph = augmentation_graph(views)
    ContrastiveConv(0.5).energy(torch.nn.functional.normalize(graph.x, dim=1), graph).backward()
    assert views[0].grad is not None
