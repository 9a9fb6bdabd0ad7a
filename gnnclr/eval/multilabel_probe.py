"""A linear probe for rows that may have several labels."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from gnnclr.eval.labels import check_can_choose, check_grid, check_split, say_unlabeled
from gnnclr.eval.split import Split
from gnnclr.eval.unit_scale import float32_features, unit_scale
from gnnclr.ops.check import check_matrix, check_positive, describe
from gnnclr.ops.labels import has_label, is_multilabel


@dataclass(frozen=True)
class MultilabelScores:
    """How well linear classifiers find the labels of rows, in [0, 1].

    Args:
        micro_f1 (float): F1 over all pairs of a test row and a label.
        macro_f1 (float): Mean of the F1 of the labels on the test rows; a label that no row has counts as 0.
        val_micro_f1 (float): The same as ``micro_f1`` on the validation rows; NaN if there are none.
        C (float): The inverse strength of the penalty that validation chose.
    """

    micro_f1: float
    macro_f1: float
    val_micro_f1: float
    C: float


def multilabel_probe(
    x: Tensor, y: Tensor, split: Split, C: Sequence[float] = (0.01, 0.1, 1.0, 10.0, 100.0)
) -> MultilabelScores:
    r"""One logistic regression for each label, against all rows that do not have it, by
    :class:`sklearn.multiclass.OneVsRestClassifier`, on columns that are standardized by the training rows.

    A row has the labels whose probability is above one half. One :math:`C` for all labels is chosen by Micro-F1 on the
    validation rows, and the test rows are looked at once.

    Args:
        x (Tensor): Features; dense or sparse CSR.
        y (Tensor): Zeros and ones, a column for each label, ``-1`` in rows whose labels are missing, which
            are left out.
        split (Split): The rows to train on, to choose by and to test on.
        C (sequence, optional): Inverse strengths of the L2 penalty. (default: ``(0.01, 0.1, 1.0, 10.0, 100.0)``)

    Shapes:
        - **x:** :math:`(n, d)`; **y:** int64 :math:`(n, c)`

    Raises:
        ValueError: If features are not finite, shapes do not fit, or there is more than one :math:`C` and no validation
            row to choose by.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import StandardScaler

    x = check_matrix("x", x.to_dense() if isinstance(x, Tensor) else x, finite=True)
    if not is_multilabel(y) or y.size(0) != x.size(0):
        raise ValueError(f"'y' must hold zeros and ones, or -1, of shape [{x.size(0)}, c] in int64 (got {describe(y)})")
    split = check_split(split, y)
    say_unlabeled(y, has_label("y", y))
    for value in check_grid("C", C):
        check_positive("C", value)
    check_can_choose(split, len(C))
    features, labels = unit_scale(float32_features(x)), y.cpu().numpy()
    scaler = StandardScaler().fit(features[split.train].numpy())
    parts = {name: scaler.transform(features[getattr(split, name)].numpy()) for name in ("train", "test")}
    parts["val"] = scaler.transform(features[split.val].numpy()) if split.val.numel() else None
    best, chosen = -1.0, None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Label .* is present in all training examples")
        for c in sorted(C):
            model = OneVsRestClassifier(LogisticRegression(C=c, max_iter=2000)).fit(parts["train"], labels[split.train])
            score = 0.0
            if parts["val"] is not None:
                found = model.predict(parts["val"])
                score = float(f1_score(labels[split.val], found, average="micro", zero_division=0))
            if score > best:
                best, chosen = score, (c, model)
    c, model = chosen
    found, truth = model.predict(parts["test"]), labels[split.test]
    micro, macro = (float(f1_score(truth, found, average=kind, zero_division=0)) for kind in ("micro", "macro"))
    return MultilabelScores(micro, macro, best if parts["val"] is not None else math.nan, float(c))
