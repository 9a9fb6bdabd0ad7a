"""Training: Lightning modules and data modules, recipes, runs."""

from gnnclr.configs import RecipeError, available_recipes
from gnnclr.train.callbacks import StepProgress, StepSeed
from gnnclr.train.channels import build_data, build_module
from gnnclr.train.checkpoint import AtomicCheckpointIO, read_checkpoint
from gnnclr.train.compare import Comparison
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.fit import Fit, fit
from gnnclr.train.graph_data import GraphData
from gnnclr.train.image_data import ImageData
from gnnclr.train.interrupt import ResumableInterrupt, TrainingInterrupted
from gnnclr.train.load import load
from gnnclr.train.metrics_csv import MetricsCSV, read_metrics
from gnnclr.train.module import ContrastiveModule
from gnnclr.train.multiplex_data import MultiplexNodeData
from gnnclr.train.node_data import NodeData
from gnnclr.train.online_probe import OnlineProbe
from gnnclr.train.optim.groups import parameter_groups
from gnnclr.train.optim.lars import LARS
from gnnclr.train.optim.muon import Muon
from gnnclr.train.optim.schedule import warmup_cosine
from gnnclr.train.photo_data import PhotoData
from gnnclr.train.recipe import parse_recipe, recipe_parser
from gnnclr.train.recipe_record import RecipeRecord
from gnnclr.train.run import Run
from gnnclr.train.seeds import Seeds

__all__ = [
    "LARS",
    "AtomicCheckpointIO",
    "Comparison",
    "ContrastiveData",
    "ContrastiveModule",
    "Fit",
    "GraphData",
    "ImageData",
    "MetricsCSV",
    "MultiplexNodeData",
    "Muon",
    "NodeData",
    "OnlineProbe",
    "PhotoData",
    "RecipeError",
    "RecipeRecord",
    "ResumableInterrupt",
    "Run",
    "Seeds",
    "StepProgress",
    "StepSeed",
    "TrainingInterrupted",
    "available_recipes",
    "build_data",
    "build_module",
    "fit",
    "load",
    "parameter_groups",
    "parse_recipe",
    "read_checkpoint",
    "read_metrics",
    "recipe_parser",
    "warmup_cosine",
]
