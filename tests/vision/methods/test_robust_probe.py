import pytest
import torch
from vision.methods.test_a_info_nce import make

from gnnclr.eval import linear_probe, robust_accuracy
from gnnclr.train import ImageData
from gnnclr.vision import PGDAttack, RobustProbe


@pytest.fixture(scope="module")
def data():
    data = ImageData("digits")
    data.setup("fit")
    return data


def test_the_result_of_a_run_has_both_accuracies(data):
    attack = PGDAttack(0.05, 0.02, 2)
    method = make(robust_probe=RobustProbe(attack, images=60)).eval()
    plain = make().eval()
    linear = linear_probe(data.embed(method), data.labels, data.split, C=[1.0], scalings=["normalize"])
    results = {name: {"linear": linear} for name in ("raw", "trained", "plain")}
    results = data.with_own_probes({"trained": method, "plain": plain}, results)
    assert set(results["plain"]) == set(results["raw"]) == {"linear"}
    rows = data.split.test[torch.randperm(450, generator=torch.Generator().manual_seed(0))[:60].sort().values]
    expected = robust_accuracy(method, linear.head, data.inputs(rows), data.labels[rows], attack)
    found = results["trained"]
    assert (found["clean"].test, found["robust"].test) == (expected.clean, expected.robust)
    assert found["robust"].settings["images"] == 60 and found["robust"].test <= found["clean"].test


def test_defaults_are_pgd_20():
    probe = RobustProbe()
    assert (probe.attack.steps, probe.attack.eps, probe.attack.step) == (20, 8 / 255, 2 / 255)
    with pytest.raises(ValueError, match="'images' must be"):
        RobustProbe(images=0)
