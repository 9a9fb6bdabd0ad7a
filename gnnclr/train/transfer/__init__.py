"""How the encoder of a run does on other labeled images."""

from gnnclr.train.transfer.finetune import finetune
from gnnclr.train.transfer.transfer import Transfer

__all__ = ["Transfer", "finetune"]
