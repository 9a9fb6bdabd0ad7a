"""The batches of an epoch: resumable, and chosen by the embeddings or the neighbors of its samples."""

from gnnclr.graph.batches.balanced_assignment import balanced_assignment
from gnnclr.graph.batches.batch_selection import BatchSelection
from gnnclr.graph.batches.epochs import EpochBatches
from gnnclr.graph.batches.equal_size_clusters import equal_size_clusters
from gnnclr.graph.batches.high_loss_batches import HighLossBatches
from gnnclr.graph.batches.neighborhood_batches import NeighborhoodBatches
from gnnclr.graph.batches.pair_affinity import pair_affinity
from gnnclr.graph.batches.spectral_batches import SpectralBatches

__all__ = [
    "BatchSelection",
    "EpochBatches",
    "HighLossBatches",
    "NeighborhoodBatches",
    "SpectralBatches",
    "balanced_assignment",
    "equal_size_clusters",
    "pair_affinity",
]
