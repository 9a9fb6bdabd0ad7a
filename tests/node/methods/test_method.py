"""What holds for every method for graphs."""

import copy
import itertools
from typing import get_type_hints

import pytest
import torch
from contracts.discovery import cases, check_has_test_class, public
from contracts.node_method import NodeMethodContract
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.nn import MLP
from torch_geometric.transforms import BaseTransform, Compose

from gnnclr.losses import NTXentLoss
from gnnclr.node import (
    BGRL,
    COSTA,
    GGD,
    Decoupled,
    GCNEncoder,
    GCooL,
    NodeMethod,
    PPRDiffusion,
    PropagatedMLP,
    SparseFeatures,
    TwoView,
    WithFeatures,
    sbm,
)
from gnnclr.node.encoders.encode import weight_argument
from gnnclr.node.methods.method import width

F_IN, WIDTH = NodeMethodContract.in_channels, NodeMethodContract.width


def gcn(**kwargs):
    return GCNEncoder(F_IN, WIDTH, WIDTH, **kwargs)


def one_layer():
    return gcn(num_layers=1, act="prelu")


def head():
    return MLP([WIDTH, WIDTH, WIDTH], act="elu", norm=None)


@pytest.fixture(params=cases("node", NodeMethodContract), ids=lambda case: case.__name__.removeprefix("Test"))
def case(request):
    return request.param()


@pytest.fixture
def method(case):
    torch.manual_seed(0)
    return case.make()


@pytest.fixture(scope="module")
def data():
    return sbm(60, num_classes=3, num_features=F_IN)


def of_one_graph(kind):
    """Whether a method learns from a graph, and not from a multiplex graph."""
    return get_type_hints(kind.training_step_loss)["data"] is Data


@pytest.mark.parametrize("kind", [*filter(of_one_graph, public("node", NodeMethod))], ids=lambda kind: kind.__name__)
def test_every_method_has_a_test_class(kind):
    check_has_test_class(kind, "node", NodeMethodContract, "make")


def train(method, data, steps, lr=5e-3):
    optimizer = torch.optim.Adam(method.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss, logs = method.training_step_loss(data)
        loss.backward()
        for name, parameter in method.named_parameters():
            assert parameter.grad is None or parameter.grad.isfinite().all(), name
        optimizer.step()
        if hasattr(method, "after_optimizer_step"):
            method.after_optimizer_step()
        assert all(torch.as_tensor(value).numel() == 1 and not value.requires_grad for value in logs.values())
        losses.append(loss.item())
    return losses


def test_a_few_epochs_lower_the_loss(method, data):
    losses = torch.tensor(train(method, data, 30)[1:])  # the first step of a schedule may be another loss
    assert losses.isfinite().all()
    assert losses[-8:].mean() < losses[:8].mean()


def test_edges_may_be_smaller_integers(method, data):
    small = data.clone()
    small.edge_index = small.edge_index.int()
    other = copy.deepcopy(method)
    torch.manual_seed(1)
    expected = method.training_step_loss(data)[0], method.embed(data), method(data)
    torch.manual_seed(1)
    found = other.training_step_loss(small)[0], other.embed(small), other(small)
    assert all(map(torch.equal, found, expected)) and small.edge_index.dtype == torch.int32
    train(other, small, 1)


def test_every_trainable_parameter_gets_a_gradient(method, data):
    train(method, data, 2)
    missing = [name for name, p in method.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_embeddings(method, data):
    train(method, data, 2)
    z = method.embed(data)
    assert z.size(0) == 60 and not z.requires_grad and z.isfinite().all()
    assert method.training and z.equal(method.embed(data))
    method.eval()
    assert torch.allclose(method(data), z) and not method.embed(data).requires_grad and not method.training


def test_isolated_nodes_self_loops_and_sparse_features(method):
    torch.manual_seed(0)
    x = (torch.rand(30, F_IN) < 0.2).float()
    x[3] = 0  # a node without a word
    edge_index = torch.tensor([[0, 1, 2, 5, 5, 9, 9, 9], [1, 0, 2, 5, 6, 10, 11, 9]])
    data = Data(x=x, edge_index=edge_index)
    for graph in (data, SparseFeatures(1.0)(copy.copy(data)), Data(x=x, edge_index=edge_index[:, :0])):
        assert torch.tensor(train(method, graph, 2)).isfinite().all()
        assert method.embed(graph).isfinite().all()


def test_steps_depend_on_the_generator_only(case, method, data):
    losses = []
    train(method, data, 1)
    state = copy.deepcopy(method.state_dict())
    for seed in (0, 0, 1):
        method.load_state_dict(state)
        torch.manual_seed(seed)
        losses.append(method.training_step_loss(data)[0].item())
    assert losses[0] == losses[1]
    if case.draws:
        assert losses[0] != losses[2]


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(method, data):
    # Whole state: parameters, moving averages and counted steps.
    train(method, data, 2)
    torch.manual_seed(5)
    resumed = copy.deepcopy(method)
    for module in resumed.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    resumed.load_state_dict(method.state_dict())
    results = []
    for one in (method, resumed):
        torch.manual_seed(7)
        results.append(train(one, data, 2))
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_the_graph_stays_as_it_is(method, data):
    x, edge_index = data.x.clone(), data.edge_index.clone()
    train(method, data, 2)
    assert data.x.equal(x) and data.edge_index.equal(edge_index)


def changed(data, **attributes):
    return Data(**({"x": data.x, "edge_index": data.edge_index} | attributes))


@pytest.mark.parametrize(
    "change",
    [
        lambda x, e: {"x": x.half()},
        lambda x, e: {"x": x.double()},
        lambda x, e: {"x": x.double().to_sparse_csr()},
        lambda x, e: {"x": torch.ones_like(x)},
        lambda x, e: {"x": torch.zeros_like(x)},
        lambda x, e: {"x": x[:2], "edge_index": torch.tensor([[0], [1]])},
        lambda x, e: {"edge_index": e[:, e[0] < e[1]]},
        lambda x, e: {"edge_index": torch.cat([e, e, e], dim=1)},
        lambda x, e: {"edge_attr": torch.ones(3), "edge_names": ["a"] * e.size(1), "edge_label": None},
    ],
    ids=["half", "double", "sparse", "constant", "zero", "two", "directed", "repeated", "attributes"],
)
def test_odd_data_is_taken(method, data, change):
    graph = changed(data, **change(data.x, data.edge_index))
    assert torch.tensor(train(method, graph, 2)).isfinite().all()
    z = method.embed(graph)
    assert z.size(0) == graph.num_nodes and z.isfinite().all()


def test_one_node_has_a_finite_loss_or_an_error(method, data):
    graph = changed(data, x=data.x[:1], edge_index=data.edge_index[:, :0])
    assert method.embed(graph).isfinite().all()
    try:
        losses = train(method, graph, 3)
    except ValueError as error:  # of what compares nodes, as batch normalization does
        assert "1" in str(error)
    else:
        assert torch.tensor(losses).isfinite().all()


#: What may be wrong with a graph, and what is said of it.
WRONG = [
    (lambda x, e: {"x": None, "num_nodes": 60}, r"'data\.x' must hold floating point node features"),
    (lambda x, e: {"x": x.long()}, r"'data\.x' must hold floating point node features"),
    (lambda x, e: {"x": x[:, :0]}, r"'data\.x' must hold floating point node features"),
    (lambda x, e: {"x": x[0]}, r"'data\.x' must hold floating point node features"),
    (lambda x, e: {"x": x.numpy()}, r"'data\.x' must hold floating point node features"),
    (lambda x, e: {"x": x.to_sparse_coo()}, r"'data\.x' must be dense or sparse CSR"),
    (lambda x, e: {"x": x.to_sparse_csc()}, r"'data\.x' must be dense or sparse CSR"),
    (lambda x, e: {"x": x / 0}, r"'data\.x' must be finite"),
    (lambda x, e: {"x": (x / 0).to_sparse_csr()}, r"'data\.x' must be finite"),
    (lambda x, e: {"x": x[:0], "edge_index": e[:, :0]}, r"'data\.x' must have a row for each node"),
    (lambda x, e: {"num_nodes": 61}, r"'data\.x' must have a row for each node"),
    (lambda x, e: {"x": x[:, :5]}, "'x' must have shape .n, 32., the encoder's 'in_channels'"),
    (lambda x, e: {"x": x.repeat(1, 2).to_sparse_csr()}, "'x' must have shape .n, 32., the encoder's"),
    (lambda x, e: {"edge_index": None}, r"'data\.edge_index' must be an integer tensor of shape \[2, e\]"),
    (lambda x, e: {"edge_index": e.float()}, r"'data\.edge_index' must be an integer tensor"),
    (lambda x, e: {"edge_index": e.bool()}, r"'data\.edge_index' must be an integer tensor"),
    (lambda x, e: {"edge_index": e.t()}, r"'data\.edge_index' must be an integer tensor"),
    (lambda x, e: {"edge_index": e[0]}, r"'data\.edge_index' must be an integer tensor"),
    (lambda x, e: {"edge_index": e.tolist()}, r"'data\.edge_index' must be an integer tensor"),
    (lambda x, e: {"edge_index": torch.eye(60).to_sparse_csr()}, r"'data\.edge_index' must be an integer tensor"),
    (lambda x, e: {"edge_index": e + 1}, r"'data\.edge_index' must hold nodes between 0 and 59 \(got 1 to 60\)"),
    (lambda x, e: {"edge_index": e - 1}, r"'data\.edge_index' must hold nodes between 0 and 59 \(got -1 to 58\)"),
]


def test_bad_data_is_refused(method, data):
    for change, message in WRONG:
        bad = changed(data, **change(data.x, data.edge_index))
        for function in (method.training_step_loss, method.embed):
            with pytest.raises(ValueError, match=message):
                function(bad)


def weights_said(record):
    return [str(warning.message) for warning in record if "all edges count alike" in str(warning.message)]


def takes_weights(method):
    """Whether the weights of edges reach the embeddings of a method."""
    inner = getattr(method, "method", method)
    return inner.uses_edge_weights or weight_argument(inner.encoder) is not None or isinstance(method, WithFeatures)


def test_weights_of_one_give_the_numbers_of_none(method, data):
    train(method, data, 1)
    other = copy.deepcopy(method)
    for ones in ({"edge_weight": torch.ones(data.num_edges)}, {"edge_attr": torch.ones(data.num_edges, 1).int()}):
        graph = changed(data, **ones)
        torch.manual_seed(1)
        expected = method.training_step_loss(data)[0], method.embed(data)
        torch.manual_seed(1)
        found = other.training_step_loss(graph)[0], other.embed(graph)
        for a, b in zip(found, expected):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
        assert graph.to_dict().keys() - {"x", "edge_index"} == ones.keys()  # the graph stays as it is


def test_weights_count(method, data):
    train(method, data, 1)
    torch.manual_seed(0)
    weight = torch.rand(data.num_edges) + 0.1
    graph, rows = changed(data, edge_weight=weight), changed(data, edge_attr=weight.unsqueeze(1))
    z = method.embed(graph)
    assert torch.allclose(method.embed(data), z, atol=1e-4) != takes_weights(method)
    torch.testing.assert_close(method.embed(rows), z)
    assert torch.tensor(train(method, graph, 2)).isfinite().all()


def test_bad_weights_are_refused(method, data):
    for bad, name in itertools.product((-0.5, float("nan"), float("inf")), ("edge_weight", "edge_attr")):
        weight = torch.ones(data.num_edges)
        weight[3] = bad
        for function in (method.training_step_loss, method.embed):
            with pytest.raises(ValueError, match=rf"'data\.{name}' must be finite, and none negative \(got {bad}\)"):
                function(changed(data, **{name: weight}))
    with pytest.raises(ValueError, match=r"'data\.edge_weight' must be numbers of shape"):
        method.training_step_loss(changed(data, edge_weight=torch.ones(3)))


def said(record):
    return [str(warning.message) for warning in record if "of the graph" in str(warning.message)]


def test_what_is_not_used_of_edges_is_said_once(method, data, recwarn):
    graph = changed(data, edge_weight=torch.rand(data.num_edges), edge_attr=torch.rand(data.num_edges, 3))
    other, later = copy.deepcopy(method), copy.deepcopy(method)
    method.training_step_loss(data)
    assert said(recwarn) == []  # where there are none, nothing is said
    method.training_step_loss(graph)
    inner = getattr(method, "method", method)
    name, attributes, effect = type(inner).__name__, "'edge_attr'", ""
    if not (inner.uses_edge_weights or weight_argument(inner.encoder)):
        attributes, effect = "'edge_attr' and 'edge_weight'", ": all edges count alike for its encoder"
    expected = [f"{name} does not use {attributes} of the graph{effect}"]
    assert said(recwarn) == expected
    for one in (method, other):
        one.training_step_loss(graph), one.embed(graph), later.embed(graph)
    assert said(recwarn) == expected


def test_weights_of_views_count(data, recwarn):
    class Equal(BaseTransform):
        def forward(self, data):
            data.edge_weight = torch.ones(data.num_edges)
            return data

    weighted = PPRDiffusion(k=4)
    equal = Compose([weighted, Equal()])
    for make in (
        lambda view: TwoView(gcn(), NTXentLoss(), views=(view, view)),
        lambda view: BGRL(one_layer(), views=(view, view)),
        lambda view: COSTA(gcn(), views=(view, view)),
        lambda view: GCooL(gcn(), head(), views=(view, view), num_communities=3),
        lambda view: GGD(one_layer(), view=view),
        lambda view: Decoupled(PropagatedMLP(F_IN, WIDTH, WIDTH), head(), view=view, batch_size=40),
    ):
        losses = []
        for view in (weighted, equal):
            torch.manual_seed(0)
            losses.append(make(view).training_step_loss(data)[0].item())
        assert losses[0] != pytest.approx(losses[1], abs=1e-6)
    assert said(recwarn) == []


def test_only_a_graph_is_taken(method, data):
    for bad in (None, "cora", [data], (data.x, data.edge_index), {"x": data.x}, HeteroData(), data.x):
        for function in (method.training_step_loss, method.embed):
            with pytest.raises(ValueError, match="'data' must be a Data with features 'x' and edges 'edge_index'"):
                function(bad)
    batch = Batch.from_data_list([changed(data), changed(data)])
    assert method.training_step_loss(batch)[0].isfinite() and method.embed(batch).size(0) == 120


def test_base():
    method = NodeMethod(gcn())
    with pytest.raises(NotImplementedError):
        method.training_step_loss(sbm(10, num_classes=2, num_features=F_IN))
    assert method.after_optimizer_step() is None
    assert width(gcn(), "predictor") == WIDTH
    with pytest.raises(ValueError, match="'predictor' must be given for an encoder without 'out_channels'"):
        BGRL(torch.nn.Linear(2, 2))


def test_two_views_are_needed():
    for views in ((), (lambda x: x,), "ab"):
        with pytest.raises(ValueError, match="'views' must be two transforms"):
            TwoView(gcn(), NTXentLoss(), views=views)


def test_chunks_are_refused_where_nodes_see_their_neighbors(method):
    if isinstance(method, Decoupled):
        method.chunk_size = 5
        return
    with pytest.raises(ValueError, match=f"'chunk_size' must be None for {type(method).__name__}, .*int 5"):
        method.chunk_size = 5
    assert method.chunk_size is None
    with pytest.raises(TypeError, match="'chunk_size'"):
        type(method)(gcn(), chunk_size=5)
