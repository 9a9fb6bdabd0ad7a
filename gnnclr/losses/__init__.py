"""Losses: energies of contrastive layers under the names of the literature."""

from gnnclr.losses import functional
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.info_nce import InfoNCELoss
from gnnclr.losses.nt_xent import NTXentLoss
from gnnclr.losses.sup_con import SupConLoss

__all__ = ["GraphLoss", "InfoNCELoss", "NTXentLoss", "SupConLoss", "functional"]
