"""The measures that papers on multiplex graphs report."""

from dataclasses import dataclass

from torch import Tensor

from gnnclr.eval import Split, linear_probe
from gnnclr.eval.clustering import clustering_scores
from gnnclr.eval.similarity_search import similarity_search
from gnnclr.ops.labels import class_labels


@dataclass(frozen=True)
class MultiplexScores:
    """Classification, clustering and similarity search by frozen embeddings, all in [0, 1] up to chance.

    Args:
        micro_f1 (float): F1 over all test nodes, which is their accuracy.
        macro_f1 (float): Mean of the F1 of the classes on the test nodes.
        val_micro_f1 (float): Accuracy on the validation nodes.
        nmi (float): Normalized mutual information of k-means clusters and classes, over all nodes.
        ari (float): Adjusted Rand index of the same.
        sim5 (float): Share of the five nearest nodes that are of a node's class.
    """

    micro_f1: float
    macro_f1: float
    val_micro_f1: float
    nmi: float
    ari: float
    sim5: float


def multiplex_scores(z: Tensor, y: Tensor, split: Split) -> MultiplexScores:
    """Micro-F1, Macro-F1, NMI, ARI and Sim@5, as in `"Unsupervised Attributed Multiplex Network Embedding"
    <https://arxiv.org/abs/1911.06750>`_.

    The classifier is the logistic regression of :func:`~gnnclr.eval.linear_probe`: its settings are chosen on the
    validation nodes by Micro-F1, and the test nodes are looked at once.

    Args:
        z (Tensor): Embeddings.
        y (Tensor): Integer labels. Nodes whose label is missing (``-1``, or NaN) are left out of all measures, and
            counted in a printed line.
        split (Split): The nodes to train on, to choose by and to test on.

    Shapes:
        - **z:** :math:`(n, d)`; **y:** :math:`(n)`

    Raises:
        ValueError: If embeddings are not finite, shapes do not fit, or there is one class only.
    """
    from sklearn.metrics import f1_score

    probe = linear_probe(z, y, split)
    labels = class_labels("y", y)
    clusters = clustering_scores(z, y)
    truth, predicted = labels.cpu()[split.labeled(labels).test].numpy(), probe.predicted.numpy()
    return MultiplexScores(
        micro_f1=float(f1_score(truth, predicted, average="micro")),
        macro_f1=float(f1_score(truth, predicted, average="macro")),
        val_micro_f1=probe.val,
        nmi=clusters.nmi,
        ari=clusters.ari,
        sim5=similarity_search(z, y, 5),
    )
