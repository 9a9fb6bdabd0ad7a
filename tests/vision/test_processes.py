"""Methods for images on two processes that share each batch, beside one that has it all."""

import pytest
import torch
from method_workers import METHODS, trained

#: Whose samples are compared with each other, so that those of other processes matter.
JOINED = ["SimCLR", "VICReg", "Barlow Twins", "SupCon", "NNCLR", "CLIP", "A-InfoNCE"]


@pytest.fixture(scope="module")
def batches():
    generator = torch.Generator().manual_seed(1)
    index = torch.arange(12)
    images = torch.rand(4, 12, 1, 8, 8, generator=generator, dtype=torch.float64)
    return [{"image": batch, "label": index % 3, "index": index} for batch in images]


def difference(one, other):
    assert one.keys() == other.keys()
    return max(float((value.double() - other[key].double()).abs().max()) for key, value in one.items() if value.numel())


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_are_one(name, batches, gloo, one_thread):
    """Gradients, weights, momentum encoders and queues."""
    gradients, state = trained(0, name, True, batches)
    shared = gloo(trained, name, True, batches)
    assert any(float(gradient.abs().max()) > 1e-3 for gradient in gradients.values())
    for own_gradients, own_state in shared:
        assert difference(own_gradients, gradients) < 1e-6
        assert difference(own_state, state) < 1e-6
    assert difference(shared[0][1], shared[1][1]) == 0


@pytest.mark.parametrize("name", JOINED)
def test_own_samples_alone_are_another_batch(name, batches, gloo, one_thread):
    """Statistics of features, as of VICReg, and negatives are then of each process's samples."""
    gradients, _ = trained(0, name, False, batches)
    (shared, _), _ = gloo(trained, name, False, batches)
    assert difference(shared, gradients) > 1e-4
