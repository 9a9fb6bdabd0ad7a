"""Contrastive learning of images: views, encoders, data and methods."""

from gnnclr.nn.mlp_head import MLPHead
from gnnclr.vision.backbone.backbone import Backbone
from gnnclr.vision.backbone.export import export_backbone
from gnnclr.vision.datasets.captions import Captions, DigitCaptions, word_tokens
from gnnclr.vision.datasets.cifar10 import cifar10, torchvision_images
from gnnclr.vision.datasets.digits import digits, digits_canvas
from gnnclr.vision.datasets.image_folder import image_folder
from gnnclr.vision.datasets.images import Images, Labeled
from gnnclr.vision.datasets.loader import TensorLoader
from gnnclr.vision.datasets.textures import Textures
from gnnclr.vision.encoders.image_encoder import image_encoder
from gnnclr.vision.encoders.mirrored import Mirrored
from gnnclr.vision.encoders.slim_resnet import SlimResNet
from gnnclr.vision.encoders.text_encoder import TextEncoder
from gnnclr.vision.encoders.whitened import Whitened
from gnnclr.vision.methods.a_info_nce import AInfoNCE
from gnnclr.vision.methods.adaptive_alpha import AdaptiveAlpha
from gnnclr.vision.methods.adversarial import PGDAttack
from gnnclr.vision.methods.byol import BYOL
from gnnclr.vision.methods.method import VisionMethod
from gnnclr.vision.methods.moco import MoCo, NonSemanticNegatives
from gnnclr.vision.methods.nnclr import NNCLR
from gnnclr.vision.methods.robust_probe import RobustProbe
from gnnclr.vision.methods.samp_clr import SAMPCLR
from gnnclr.vision.methods.sim_siam import SimSiam
from gnnclr.vision.methods.simclr import SimCLR
from gnnclr.vision.methods.sup_con import SupCon
from gnnclr.vision.methods.two_towers import TwoTowers
from gnnclr.vision.photos.crops import PhotoCrops
from gnnclr.vision.photos.decode import decode_photo
from gnnclr.vision.photos.folder import PhotoFolder
from gnnclr.vision.photos.mapped import MappedPhotos
from gnnclr.vision.photos.shards import PhotoShards
from gnnclr.vision.photos.source import PhotoSource
from gnnclr.vision.photos.square import CentralSquare
from gnnclr.vision.transforms.affine import RandomAffine
from gnnclr.vision.transforms.blur import GaussianBlur
from gnnclr.vision.transforms.color import ColorJitter, Grayscale
from gnnclr.vision.transforms.corruptions import corrupt, corruptions_of
from gnnclr.vision.transforms.crop import HorizontalFlip, RandomResizedCrop
from gnnclr.vision.transforms.fused import FusedColorJitter
from gnnclr.vision.transforms.growing import GrowingViews
from gnnclr.vision.transforms.luminance_chrominance import LuminanceChrominance
from gnnclr.vision.transforms.multi_crop import MultiCropViews
from gnnclr.vision.transforms.normalize import Normalize
from gnnclr.vision.transforms.paired_inputs import PairedInputs
from gnnclr.vision.transforms.patches import NonSemanticPatches
from gnnclr.vision.transforms.quilting import ImageQuilting, transfer_texture
from gnnclr.vision.transforms.random_caption import RandomCaption
from gnnclr.vision.transforms.texture import RandomPhaseTexture
from gnnclr.vision.transforms.transform import BatchTransform
from gnnclr.vision.transforms.views import BatchViews, Views

__all__ = [
    "BYOL",
    "NNCLR",
    "SAMPCLR",
    "AInfoNCE",
    "AdaptiveAlpha",
    "Backbone",
    "BatchTransform",
    "BatchViews",
    "Captions",
    "CentralSquare",
    "ColorJitter",
    "DigitCaptions",
    "FusedColorJitter",
    "GaussianBlur",
    "Grayscale",
    "GrowingViews",
    "HorizontalFlip",
    "ImageQuilting",
    "Images",
    "Labeled",
    "LuminanceChrominance",
    "MLPHead",
    "MappedPhotos",
    "Mirrored",
    "MoCo",
    "MultiCropViews",
    "NonSemanticNegatives",
    "NonSemanticPatches",
    "Normalize",
    "PGDAttack",
    "PairedInputs",
    "PhotoCrops",
    "PhotoFolder",
    "PhotoShards",
    "PhotoSource",
    "RandomAffine",
    "RandomCaption",
    "RandomPhaseTexture",
    "RandomResizedCrop",
    "RobustProbe",
    "SimCLR",
    "SimSiam",
    "SlimResNet",
    "SupCon",
    "TensorLoader",
    "TextEncoder",
    "Textures",
    "TwoTowers",
    "Views",
    "VisionMethod",
    "Whitened",
    "cifar10",
    "corrupt",
    "corruptions_of",
    "decode_photo",
    "digits",
    "digits_canvas",
    "export_backbone",
    "image_encoder",
    "image_folder",
    "torchvision_images",
    "transfer_texture",
    "word_tokens",
]
