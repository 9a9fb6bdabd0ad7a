"""Methods for images that draw nothing, and their weights after some steps, on one process or several."""

import torch
import torch.distributed as dist
from deterministic import GroupNormNet, ShiftedViews
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gnnclr.graph import FeatureBank
from gnnclr.losses import (
    AsymmetricInfoNCELoss,
    BarlowTwinsLoss,
    CLIPLoss,
    InfoNCELoss,
    NTXentLoss,
    SupConLoss,
    VICRegLoss,
)
from gnnclr.nn.predictors import DirectPred, MLPPredictor
from gnnclr.vision import BYOL, NNCLR, AInfoNCE, MoCo, PGDAttack, SimCLR, SimSiam, SupCon, TwoTowers

WIDTH = 8


class BothWays(nn.Module):
    """An image and its mirror image, as two modalities."""

    def forward(self, batch):
        return self.plain(batch["image"])

    def plain(self, images):
        return images, images.flip(2)


def heads(count=1):
    return [nn.Linear(WIDTH, WIDTH) for _ in range(count)]


def queue():
    return FeatureBank(20, WIDTH, mode="queue")


def simclr(loss):
    return SimCLR(GroupNormNet(), *heads(), ShiftedViews(), loss)


#: By name, with and without the samples of other processes where that is to be chosen.
METHODS = {
    "SimCLR": lambda gather: simclr(NTXentLoss(0.2, gather_distributed=gather)),
    "VICReg": lambda gather: simclr(VICRegLoss(gather_distributed=gather)),
    "Barlow Twins": lambda gather: simclr(BarlowTwinsLoss(gather_distributed=gather)),
    "SupCon": lambda gather: SupCon(
        GroupNormNet(), *heads(), ShiftedViews(), SupConLoss(0.2, gather_distributed=gather)
    ),
    "NNCLR": lambda gather: NNCLR(
        GroupNormNet(), *heads(2), ShiftedViews(), queue(), InfoNCELoss(0.2, gather_distributed=gather)
    ),
    "CLIP": lambda gather: TwoTowers(
        [GroupNormNet(), GroupNormNet()], heads(2), BothWays(), CLIPLoss(gather_distributed=gather)
    ),
    "BYOL": lambda gather: BYOL(
        GroupNormNet(), *heads(), MLPPredictor(WIDTH, WIDTH, norm=False), ShiftedViews(), momentum=0.9
    ),
    "DirectPred": lambda gather: BYOL(GroupNormNet(), *heads(), DirectPred(WIDTH), ShiftedViews(), momentum=0.9),
    "SimSiam": lambda gather: SimSiam(GroupNormNet(), *heads(), MLPPredictor(WIDTH, WIDTH, norm=False), ShiftedViews()),
    "MoCo": lambda gather: MoCo(GroupNormNet(), *heads(), ShiftedViews(), queue(), momentum=0.9),
    "A-InfoNCE": lambda gather: AInfoNCE(
        GroupNormNet(),
        *heads(),
        ShiftedViews(),
        AsymmetricInfoNCELoss(gather_distributed=gather),
        PGDAttack(steps=1, random_start=False),
    ),
}


class Step(nn.Module):
    """The loss of a method, as what Lightning wraps calls it."""

    def __init__(self, method):
        super().__init__()
        self.method = method

    def forward(self, batch):
        return self.method.training_step_loss(batch)[0]


def trained(rank, name, gather, batches):
    """The gradients of the last of some steps of SGD, and all weights, statistics and banks after them. With several
    processes each takes its share of every batch."""
    torch.manual_seed(0)
    step = Step(METHODS[name](gather)).double()
    shared = dist.is_initialized()
    model = DistributedDataParallel(step) if shared else step
    optimizer = torch.optim.SGD(model.parameters(), 0.02)
    gradients = {}
    for batch in batches:
        own = {
            key: value.tensor_split(dist.get_world_size())[rank] if shared else value for key, value in batch.items()
        }
        optimizer.zero_grad()
        model(own).backward()
        gradients = {key: weight.grad.clone() for key, weight in step.named_parameters() if weight.grad is not None}
        optimizer.step()
        getattr(step.method, "after_optimizer_step", lambda: None)()
    return gradients, {key: value.clone() for key, value in step.state_dict().items()}
