import torch
from torch import nn

from gnnclr.nn.predictors import LinearPredictor, MLPPredictor


def test_one_matrix():
    predictor, z = LinearPredictor(4), torch.rand(5, 4)
    assert [name for name, _ in predictor.named_parameters()] == ["weight"]
    torch.testing.assert_close(predictor(z), z @ predictor.weight.t())
    assert LinearPredictor(4, bias=True).bias.shape == (4,)


def test_layers():
    predictor = MLPPredictor(8, 3)
    kinds = [type(layer) for layer in predictor.layers]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert predictor.layers[0].bias is None and predictor.layers[3].bias is not None
    assert [layer.out_features for layer in predictor.layers if isinstance(layer, nn.Linear)] == [3, 8]
    assert predictor(torch.rand(5, 8)).shape == (5, 8)
    assert len(MLPPredictor(8, 3, layers=3, norm=False).layers) == 5
