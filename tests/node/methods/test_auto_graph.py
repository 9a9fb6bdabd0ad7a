import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.eval import Split
from gnnclr.node import AutoGraph, BlocksMLP, Decoupled, PropagatedMLP, propagated_blocks, sbm
from gnnclr.node.choice.criteria import ByValidation
from gnnclr.node.methods.auto_graph import FORMS

BLOCKS = [(0.5, 2), (0.1, 3)]


class TestAutoGraph(NodeMethodContract):
    takes_subgraphs = False

    def make(self):
        return AutoGraph(BlocksMLP(self.in_channels, self.width, self.width, blocks=BLOCKS), batch_size=20)


@pytest.fixture
def data():
    return sbm(90, num_classes=3, num_features=8, signal=0.3)


@pytest.fixture
def method():
    torch.manual_seed(0)
    return AutoGraph(BlocksMLP(8, 6, 6, blocks=BLOCKS), batch_size=32)


def test_forms(data, method):
    h = propagated_blocks(data.x, data.edge_index, BLOCKS)
    assert torch.equal(method.embed(data), h)  # before anything is chosen
    centered = F.normalize(h - h.mean(dim=0))
    z = method.encoder.mlp(centered)
    standard = (z - z.mean(dim=0)) / z.std(dim=0, correction=0)
    expected = {"features": h, "trained": z, "both": torch.cat([standard / 6**0.5, centered], dim=1)}
    for number, name in enumerate(FORMS):
        method.kept.fill_(number)
        assert method.kept_form == name
        torch.testing.assert_close(method.embed(data), expected[name], atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="'name' must be"):
        method.form(data, "none")


def test_the_training_is_that_of_decoupled(data, method):
    plain = Decoupled(method.encoder, batch_size=32)
    losses = []
    for one in (method, plain):
        torch.manual_seed(1)
        losses.append(one.training_step_loss(data)[0].item())
    assert losses[0] == losses[1]


class Fixed(ByValidation):
    """Values that are given, in the order of the forms."""

    def __init__(self, graph, values, deviation=0.1):
        super().__init__(graph, graph.y, Split.random(90, 0.3, 0.3))
        self.values, self.deviation = iter(values), deviation

    def score(self, z):
        return next(self.values)

    def error(self, score):
        return self.deviation


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ((0.5, 0.59, 0.59), "features"),
        ((0.5, 0.61, 0.55), "trained"),
        ((0.5, 0.61, 0.7), "both"),
        ((0.5, 0.2, 0.3), "features"),
    ],
)
def test_training_is_kept_where_it_is_better_by_more_than_a_standard_error(data, method, values, form):
    method.kept.fill_(1)
    said = method.keep_by(Fixed(data, values))
    assert method.kept_form == form and said.startswith("training not kept" if form == "features" else "training kept")
    assert method.state_dict()["kept"] == FORMS.index(form)


def test_without_labels_training_is_not_kept(method):
    method.kept.fill_(2)
    assert "no validation labels" in method.keep_by(None) and method.kept_form == "features"


def test_the_mode_stays(data, method):
    method.train()
    method.keep_by(ByValidation(data, data.y, Split.random(90, 0.3, 0.3)))
    assert method.training


def test_another_encoder_is_refused():
    with pytest.raises(ValueError, match="'encoder' must be a BlocksMLP"):
        AutoGraph(PropagatedMLP(8, 4, 4))
