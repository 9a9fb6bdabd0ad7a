import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from gnnclr.eval import Split, linear_probe
from gnnclr.eval.clustering import clustering_scores
from gnnclr.eval.multiplex_scores import multiplex_scores
from gnnclr.eval.similarity_search import similarity_search


def blobs(noise, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (300,), generator=generator)
    y[:150] = 0  # classes of unequal size tell Micro-F1 from Macro-F1
    return torch.eye(3, 8)[y] + noise * torch.randn(300, 8, generator=generator), y


def test_perfect_embeddings():
    z, y = blobs(0.01)
    scores = multiplex_scores(z, y, Split.stratified(y, 0.2, 0.2))
    assert scores.micro_f1 == scores.macro_f1 == scores.val_micro_f1 == scores.sim5 == 1.0
    assert scores.nmi == pytest.approx(1.0) and scores.ari == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_micro_f1_is_the_accuracy_of_the_probe(seed):
    z, y = blobs(0.6, seed)
    split = Split.stratified(y, 0.2, 0.2, seed)
    scores, probe = multiplex_scores(z, y, split), linear_probe(z, y, split)
    assert scores.micro_f1 == pytest.approx(probe.test)
    assert scores.val_micro_f1 == probe.val
    assert scores.macro_f1 < scores.micro_f1
    assert scores.nmi == clustering_scores(z, y).nmi and scores.sim5 == similarity_search(z, y)


def test_f1_of_the_chosen_settings():
    """The labels that the probe gives, by scikit-learn's regression with the same settings."""
    z, y = blobs(0.6)
    split = Split.stratified(y, 0.2, 0.2)
    options = {"scalings": ["standardize"], "C": [3.0]}
    x = (z - z[split.train].mean(dim=0)) / z[split.train].std(dim=0, correction=0)
    x = x / x[split.train].square().sum(dim=1).mean().sqrt()
    model = LogisticRegression(C=3.0, max_iter=5000, tol=1e-7).fit(x[split.train], y[split.train])
    predicted = linear_probe(z, y, split, **options).predicted
    assert predicted.tolist() == model.predict(x[split.test]).tolist()
    scores, predicted = multiplex_scores(z, y, split), linear_probe(z, y, split).predicted
    for average in ("micro", "macro"):
        assert getattr(scores, f"{average}_f1") == pytest.approx(f1_score(y[split.test], predicted, average=average))


def test_one_class_to_learn_from():
    z, y = blobs(0.3)
    train = (y == 0).nonzero().view(-1)[:20]
    rest = torch.arange(300)[~torch.isin(torch.arange(300), train)]
    scores = multiplex_scores(z, y, Split(train, rest[:100], rest[100:]))
    share = (y[rest[100:]] == 0).double().mean().item()
    assert scores.micro_f1 == pytest.approx(share)
    assert scores.macro_f1 == pytest.approx(2 * share / (1 + share) / 3)


def test_errors():
    z, y = blobs(0.3)
    split = Split.random(300)
    with pytest.raises(ValueError, match="must be finite"):
        multiplex_scores(z.fill_diagonal_(float("nan")), y, split)
    with pytest.raises(ValueError, match="at least two classes"):
        multiplex_scores(blobs(0.3)[0], torch.zeros_like(y), split)
