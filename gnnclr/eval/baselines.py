"""The features a trained encoder has to beat, measured as it is."""

from collections.abc import Callable, Mapping

from torch import Tensor

from gnnclr.eval.knn_probe import knn_probe
from gnnclr.eval.linear_probe import linear_probe
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.split import Split
from gnnclr.ops.check import describe

Probe = Callable[[Tensor, Tensor, Split], ProbeResult]


def evaluate_features(
    features: Mapping[str, Tensor | Callable[[], Tensor]],
    y: Tensor,
    split: Split,
    probes: Mapping[str, Probe] | None = None,
) -> dict[str, dict[str, ProbeResult]]:
    """Evaluates several features with the same probes on the same split, for example the raw input, the untrained
    encoder, propagated features and the trained encoder.

    Args:
        features (mapping): Name to features [n, ...], which are flattened to [n, d], or a function that makes them
            when their turn comes, so that only one is held at a time.
        y (Tensor): Labels [n]. Rows whose label is missing (``-1``, or NaN) are left out of the split.
        split (Split): The split of the probes.
        probes (mapping, optional): Name to probe. (default: ``{"linear": linear_probe, "kNN": knn_probe}``)

    Returns:
        dict: Name of the features to name of the probe to result.
    """
    probes = {"linear": linear_probe, "kNN": knn_probe} if probes is None else probes
    results = {}
    for name, x in features.items():
        x = x() if callable(x) else x
        if not isinstance(x, Tensor) or x.dim() < 2:
            raise ValueError(f"'features[{name!r}]' must be a tensor of shape [n, ...] (got {describe(x)})")
        x = x.to_dense().flatten(1)
        results[name] = {probe: evaluate(x, y, split) for probe, evaluate in probes.items()}
    return results
