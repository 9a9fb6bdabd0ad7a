import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data

import gnnclr
from gnnclr.node import sbm
from gnnclr.train import RecipeError, fit

SHORT = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
SHORT += [f"--model.method.encoder.{name}_channels=8" for name in ("hidden", "out")]


@pytest.fixture
def data():
    data = sbm(90, num_classes=3, num_features=16)
    return Data(x=data.x, edge_index=data.edge_index, edge_attr=torch.rand(data.num_edges), y=data.y)


def test_a_graph_at_hand(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data.y = np.array(["a", "b", "c"])[data.y.numpy()]
    data.x = data.x.numpy()
    fitted = gnnclr.fit(data, "ccassg", [*SHORT, "--data.undirected=true"])
    assert str(fitted.folder) == "runs/ccassg/1" and str(fitted) == "Fit('runs/ccassg/1')"
    assert 0 <= fitted.test["trained"]["linear"] <= 1 and fitted.z.shape == (90, 8)
    torch.testing.assert_close(fitted.embed(data), fitted.z)
    torch.testing.assert_close(fitted.embed("runs/ccassg/1/graph.pt"), fitted.z)
    assert isinstance(data.x, np.ndarray)  # it stays as it is
    assert str(fit(data, "ccassg", SHORT).folder) == "runs/ccassg/2"


def test_another_graph_than_that_at_hand(data):
    with pytest.raises(RecipeError, match=r"'data\.dataset' must not be given .*\(got --data\.dataset=other\.pt\)"):
        fit(data, "ccassg", [*SHORT, "--data.dataset=other.pt"])


def test_a_folder_of_ones_own(data, tmp_path):
    fit(data, "ccassg", SHORT, out=tmp_path / "run")
    with pytest.raises(RecipeError, match="holds a run already"):
        fit(data, "ccassg", SHORT, out=tmp_path / "run")


@pytest.mark.parametrize(
    "change, config, match",
    [
        (lambda data: data.x, "ccassg", r"'data' must be a Data or a HeteroData \(got tensor"),
        (lambda data: Batch.from_data_list([data, data]), "ccassg", "must be one graph, .* a batch of 2 graphs"),
        (lambda data: Data(x=data.x), "ccassg", "must have edges"),
        (lambda data: data, "ccasg", "ccasg"),
    ],
)
def test_what_cannot_be_fitted_leaves_nothing(data, tmp_path, change, config, match):
    with pytest.raises(ValueError, match=match):
        fit(change(data), config, SHORT, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
