"""Every number that a public class takes is checked where it is given: one that makes no sense names its argument."""

import importlib
import inspect
import math
import re

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from gnnclr.graph import FeatureBank
from gnnclr.nn import ContrastiveConv
from gnnclr.node import GCNEncoder, PropagatedMLP, grace_view
from gnnclr.ops.kernels import Gaussian
from gnnclr.vision import Backbone, Grayscale, ImageQuilting, RandomResizedCrop, Views

ROOMS = (
    "losses",
    "nn",
    "nn.attention",
    "nn.features",
    "nn.predictors",
    "graph",
    "graph.batches",
    "graph.communities",
    "node",
    "vision",
    "ops.kernels",
)
NUMBERS = re.compile(r"^(int|float)( \| (None|torch\.nn\.parameter\.Parameter|tuple\[float, float\]))*$")
PAIR = re.compile(r"tuple\[(int|float)\b")
BAD = {"nan": math.nan, "inf": math.inf, "minus one": -1, "true": True, "text": "x"}


def data():
    edges = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    return Data(torch.ones(4, 6), edge_index=edges)


def gcn():
    return GCNEncoder(6, 6, 6)


def halves():
    return torch.tensor([0, 0, 1, 1])


#: What the arguments without a default are, by name; by class where that is not enough.
GIVEN = {
    "channels": 8,
    "in_channels": 6,
    "hidden_channels": 6,
    "out_channels": 6,
    "in_features": 6,
    "hidden_features": 6,
    "out_features": 6,
    "num_communities": 2,
    "size": 8,
    "dim": 6,
    "half": 0,
    "kernel_size": 3,
    "texts": ["one"],
    "divergence": "kl",
    "encoder": gcn,
    "encoders": lambda: (nn.Identity(), nn.Identity()),
    "projectors": lambda: (nn.Identity(), nn.Identity()),
    "modalities": nn.Identity,
    "decoder": gcn,
    "online": gcn,
    "method": gcn,
    "gnn": gcn,
    "projector": nn.Identity,
    "predictor": nn.Identity,
    "module": nn.Identity,
    "transform": nn.Identity,
    "loss": nn.Identity,
    "conv": ContrastiveConv,
    "weights": lambda: {(0, 1): (1.0, 1.0)},
    "bank": lambda: FeatureBank(4, 6, mode="sample"),
    "queue": lambda: FeatureBank(4, 6),
    "edge_index": lambda: data().edge_index,
    "community": halves,
    "partitions": lambda: [halves()],
    "x": lambda: data().x,
    "y": lambda: data().x,
    "z0": lambda: data().x,
    "z1": lambda: data().x,
    "k": 1,
    "p": 0.5,
    "num_nodes": 4,
    "num_clusters": 2,
    "batch_size": 2,
    "min_size": 1,
    "score": lambda: torch.ones(4),
    "assignment": lambda: torch.full((4, 2), 0.5),
    "columns": lambda: torch.ones(4, 2),
    "z": lambda: torch.ones(4, 2),
    "images": lambda: torch.zeros(8, 1, 4, 4),
    "data": data,
    "find": lambda: len,
    "rule": lambda: len,
    "first": Gaussian,
    "second": Gaussian,
    "kernel": Gaussian,
    "parts": lambda: [Grayscale()],
    "views": lambda: Views([Grayscale()]),
    "crop": lambda: RandomResizedCrop(8),
    "features": nn.Identity,
    "backbone": lambda: Backbone(nn.Identity()),
    "dataset": lambda: [0] * 4,
}
#: The same by annotation, for names that are not known.
BY_KIND = {int: 2, float: 0.5, bool: False, torch.Tensor: lambda: torch.ones(4, 2), nn.Module: nn.Identity}
BY_CLASS = {
    "PyGEncoder": {"name": "gcn"},
    "f_divergence": {"name": "tsallis"},
    "sbm": {"num_nodes": 40},
    "sparse_sbm": {"num_nodes": 400, "num_edges": 200},
    "Decoupled": {"encoder": lambda: PropagatedMLP(6, 6, 6)},
    "TwoView": {"views": lambda: (grace_view(0.1, 0.1),) * 2},
    "NonSemanticNegatives": {"transform": Grayscale},
    "DropFalseNegatives": {"k": 1, "threshold": 0.5},
    "WeighFalseNegatives": {"k": 1, "threshold": 0.5},
    "AttractFalseNegatives": {"k": 1, "threshold": 0.5},
    "GATEncoder": {"heads": 2},
    "TensorLoader": {"batch_size": 4},
    "corrupt": {"name": "noise"},
    "transfer_texture": {name: lambda: torch.zeros(2, 1, 4, 4) for name in ("shapes", "textures")}
    | {"quilting": ImageQuilting},
    "PhotoCrops": {"views": 2},
    "cached_backward": {"encoder": lambda: nn.Linear(6, 2), "inputs": lambda: data().x, "loss": lambda: torch.sum},
}
#: What holds results, reads files, or is twin to a class.
LEFT_OUT = {
    "NegativeQuality",
    "MultiplexScores",
    "PropagationChoice",
    "PhotoFolder",
    "PhotoShards",
    "cifar10",
    "decode_photo",
    "digits",
    "digits_canvas",
    "export_backbone",
    "image_folder",
    "load_node_data",
    "load_multiplex_data",
    "torchvision_images",
    "neighbor_batches",
    "image_encoder",
}
#: What looks wrong and makes sense.
SENSIBLE = {
    ("CosineAttention", "beta", "minus one"),  # pairs that are unlike weigh more
    ("AddKNNPositives", "min_similarity", "minus one"),
    ("DropFalseNegatives", "threshold", "minus one"),
    ("WeighFalseNegatives", "threshold", "minus one"),
    ("AttractFalseNegatives", "threshold", "minus one"),
    ("PyGEncoder", "in_channels", "minus one"),  # PyG finds it out
    ("SigLIPLoss", "bias", "minus one"),
    ("SigmoidConv", "bias", "minus one"),
    ("Riesz", "s", "minus one"),  # the distance itself
}


def public():
    """Classes and functions."""
    found = {}
    for room in ROOMS:
        module = importlib.import_module(f"gnnclr.{room}")
        found |= {value: None for value in map(vars(module).get, module.__all__) if callable(value)}
    return [value for value in found if value.__name__ not in LEFT_OUT]


def settings():
    """Classes, the numbers that they take, and how many numbers stand in one argument."""
    for cls in public():
        for parameter in inspect.signature(cls).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                continue
            kind = parameter.annotation
            text = kind.__name__ if isinstance(kind, type) and "[" not in str(kind) else str(kind)
            if NUMBERS.match(text):
                yield pytest.param(cls, parameter.name, False, id=f"{cls.__name__}-{parameter.name}")
            elif PAIR.match(text) and isinstance(parameter.default, tuple):
                yield pytest.param(cls, parameter.name, True, id=f"{cls.__name__}-{parameter.name}")


def arguments(cls):
    special = BY_CLASS.get(cls.__name__, {})
    given = {name: value for name, value in special.items() if not callable(value)}
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            known = GIVEN | special
            value = known[parameter.name] if parameter.name in known else BY_KIND.get(parameter.annotation)
            assert value is not None, f"say in GIVEN what {parameter.name!r} is, which {cls.__name__} wants"
            given[parameter.name] = value() if callable(value) else value
    return given


@pytest.mark.parametrize("cls,name,several", settings())
def test_a_number_that_makes_no_sense_names_its_argument(cls, name, several):
    given = arguments(cls)
    cls(**given)
    default = inspect.signature(cls).parameters[name].default
    for key, bad in BAD.items():
        if (cls.__name__, name, key) in SENSIBLE:
            cls(**given | {name: bad})
            continue
        value = (bad, *default[1:]) if several else bad
        with pytest.raises(ValueError, match=rf"'(\w*_)?{name}'"):
            cls(**given | {name: value})
