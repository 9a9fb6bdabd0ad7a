"""How the encoder of a run does on other labeled images, or on its own ones corrupted."""

from gnnclr.train.transfer.finetune import finetune
from gnnclr.train.transfer.out_of_domain import Conflict, OutOfDomain, Pixels, out_of_domain, shape_texture_conflict
from gnnclr.train.transfer.transfer import Transfer

__all__ = ["Conflict", "OutOfDomain", "Pixels", "Transfer", "finetune", "out_of_domain", "shape_texture_conflict"]
