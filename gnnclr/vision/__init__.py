"""Contrastive learning of images: views, encoders, data and SimCLR."""

from gnnclr.vision.affine import RandomAffine
from gnnclr.vision.blur import GaussianBlur
from gnnclr.vision.cifar10 import cifar10, torchvision_images
from gnnclr.vision.colour import ColorJitter, Grayscale
from gnnclr.vision.crop import HorizontalFlip, RandomResizedCrop
from gnnclr.vision.digits import digits, digits_canvas
from gnnclr.vision.fused import FusedColorJitter
from gnnclr.vision.image_folder import image_folder
from gnnclr.vision.images import Images, Labelled
from gnnclr.vision.loader import TensorLoader
from gnnclr.vision.mlp_head import MLPHead
from gnnclr.vision.normalize import Normalize
from gnnclr.vision.resnet import resnet
from gnnclr.vision.simclr import SimCLR
from gnnclr.vision.slim_resnet import SlimResNet
from gnnclr.vision.transform import BatchTransform
from gnnclr.vision.views import BatchViews, Views

__all__ = [
    "BatchTransform",
    "BatchViews",
    "ColorJitter",
    "FusedColorJitter",
    "GaussianBlur",
    "Grayscale",
    "HorizontalFlip",
    "Images",
    "Labelled",
    "MLPHead",
    "Normalize",
    "RandomAffine",
    "RandomResizedCrop",
    "SimCLR",
    "SlimResNet",
    "TensorLoader",
    "Views",
    "cifar10",
    "digits",
    "digits_canvas",
    "image_folder",
    "resnet",
    "torchvision_images",
]
