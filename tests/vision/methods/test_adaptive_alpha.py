import pytest
import torch
from vision.methods.test_a_info_nce import make

from gnnclr.losses import AsymmetricInfoNCELoss, NTXentLoss
from gnnclr.vision import AdaptiveAlpha


def batch(n, distance, seed=0):
    """Features whose mean distance is ``distance``."""
    clean, step = torch.randn(2, n, 5, generator=torch.Generator().manual_seed(seed))
    share = torch.linspace(0.5, 1.5, n).unsqueeze(1)
    return clean, clean + distance * share * step / step.norm(dim=1, keepdim=True)


def literal(alpha, first, d_min, batches):
    """The weights of batches, given as (epoch, size, distance), as the authors' loop has them."""
    weights, total, count = [], 0.0, 0
    for epoch, size, distance in batches:
        weight = alpha
        if epoch + 1 > first:
            if distance > total / count:
                pass
            elif distance < d_min:
                weight = 0.5
            else:
                mean = total / count
                weight = (mean - distance) / (mean - d_min) * (0.5 - alpha) + alpha
        else:
            total, count = total + distance * size, count + size
        weights.append(weight)
    return weights


def test_weights_are_those_of_the_authors_loop():
    sizes = [(0, 8, 1.0), (0, 4, 2.5), (1, 8, 1.4), (2, 8, 1.1), (2, 8, 0.45), (3, 8, 0.39), (3, 4, 9.0), (4, 8, 1.4)]
    adapt, found = AdaptiveAlpha(0.2, start_epoch=2, d_min=0.4), []
    for i, (epoch, size, distance) in enumerate(sizes):
        adapt.start_epoch(epoch)
        weight, measured = adapt(*batch(size, distance, i))
        assert float(measured) == pytest.approx(distance, rel=1e-6)
        found.append(weight)
    assert found == pytest.approx(literal(0.2, 2, 0.4, sizes), rel=1e-5)
    assert found[:3] == [0.2] * 3 and found[5] == 0.5 and found[6] == 0.2 and 0.2 < found[3] < found[4] < 0.5


def test_a_mean_below_the_least_distance():
    adapt = AdaptiveAlpha(start_epoch=1, d_min=2.0)
    adapt(*batch(4, 1.0))
    adapt.start_epoch(1)
    assert adapt(*batch(4, 0.9))[0] == 0.5 and adapt(*batch(4, 1.5))[0] == 0.2
    never = AdaptiveAlpha(start_epoch=1)  # such as one that is evaluated alone
    never.start_epoch(4)
    assert never(*batch(4, 0.1))[0] == 0.2


def steps(method, epochs, image):
    values = []
    for epoch in epochs:
        method.start_epoch(epoch)
        torch.manual_seed(epoch)
        loss, logs = method.training_step_loss({"image": image})
        values.append((float(loss), float(logs["alpha"]), float(logs["adversarial_distance"])))
    return values


def test_the_state_is_in_checkpoints():
    image = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    method = make(adaptive=AdaptiveAlpha(start_epoch=2, d_min=1e-6))
    first = steps(method, range(2), image)
    state = {name: value.clone() for name, value in method.state_dict().items()}
    assert float(state["adaptive.distances"][1]) == 24
    later = steps(method, range(2, 5), image)
    resumed = make(seed=5, adaptive=AdaptiveAlpha(start_epoch=2, d_min=1e-6))
    resumed.load_state_dict(state)
    assert steps(resumed, range(2, 5), image) == later
    assert all(alpha == pytest.approx(0.2) for _, alpha, _ in first)
    assert any(alpha > 0.2001 for _, alpha, _ in later)


def test_the_loss_has_the_weight_of_the_batch():
    image = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    method = make(adaptive=AdaptiveAlpha(start_epoch=1, d_min=100.0))
    method.start_epoch(0)
    method.training_step_loss({"image": image})
    method.adaptive.distances[0] = 1e6  # whatever comes is nearer than usual
    method.start_epoch(1)
    method.training_step_loss({"image": image})
    assert method.loss.alpha == 0.5 and method.loss.conv.weights[0, 2] == (0.5, 1.0)


def test_alpha_of_the_loss_may_be_assigned():
    views = torch.randn(3, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    loss = AsymmetricInfoNCELoss(0.5, alpha=0.2, adversarial_weight=1.3)
    assert loss.alpha == pytest.approx(0.2)
    loss.alpha = 0.45
    expected = AsymmetricInfoNCELoss(0.5, alpha=0.45, adversarial_weight=1.3)(*views)
    assert float(loss(*views)) == float(expected) and loss.alpha == pytest.approx(0.45)
    with pytest.raises(ValueError, match="'alpha' must be a finite number"):
        loss.alpha = 1.2
    with pytest.raises(ValueError, match="'alpha' must not be assigned"):
        AsymmetricInfoNCELoss(variant="hn").alpha = 0.3


@pytest.mark.parametrize("loss", [NTXentLoss(0.5), AsymmetricInfoNCELoss(variant="hn")])
def test_losses_without_inferior_positives_are_refused(loss):
    with pytest.raises(ValueError, match="'adaptive' must be None for a loss without inferior positives"):
        make(loss=loss, adaptive=AdaptiveAlpha())


@pytest.mark.parametrize("wrong", [{"alpha": 0.6}, {"alpha": -0.1}, {"start_epoch": 0}, {"d_min": 0.0}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' must be"):
        AdaptiveAlpha(**wrong)
    with pytest.raises(ValueError, match="'adversarial' must have a row for each"):
        AdaptiveAlpha()(torch.zeros(3, 2), torch.zeros(2, 2))
