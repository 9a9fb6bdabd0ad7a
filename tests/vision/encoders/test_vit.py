import pytest
import torch
from torchvision.models import VisionTransformer

from gnnclr.vision.encoders.vit import ViT, resized_positions

TINY = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}


def test_it_is_torchvisions_transformer_at_its_own_size():
    other, own = VisionTransformer(16, 4, **TINY).eval(), ViT(16, 4, **TINY).eval()
    own.load_state_dict(other.state_dict())
    images = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(own(images), other(images))


def test_other_sizes_have_positions_of_their_own():
    own = ViT(16, 4, **TINY).eval()
    assert own(torch.rand(2, 3, 8, 24)).shape == (2, 1000)
    own.heads = torch.nn.Linear(8, 2)  # torchvision's begins with zeros
    own(torch.rand(2, 3, 24, 24)).sum().backward()
    assert bool(own.encoder.pos_embedding.grad.abs().sum() > 0)
    with pytest.raises(ValueError, match=r"'images' must have a size in whole patches of 4 \(got shape \[2, 3, 10"):
        own(torch.rand(2, 3, 10, 16))


def test_positions_that_are_resized():
    ramp = torch.linspace(0, 1, 8).expand(8, 8)
    positions = torch.cat([torch.full((1, 1, 1), 7.0), ramp.reshape(1, 64, 1)], dim=1)
    assert resized_positions(positions, 8, 8) is positions
    found = resized_positions(positions, 4, 4)
    assert found.shape == (1, 17, 1) and found[0, 0, 0] == 7
    square = found[0, 1:, 0].view(4, 4)
    torch.testing.assert_close(square, square[:1].expand(4, 4))  # rows stay alike
    assert bool((square.diff(dim=1) > 0).all())
