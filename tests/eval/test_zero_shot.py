import pytest
import torch

from gnnclr.eval import zero_shot_accuracy


def test_equals_a_loop_over_images():
    generator = torch.Generator().manual_seed(0)
    prompts = torch.randn(4, 3, 6, generator=generator) * torch.tensor([1.0, 10.0, 0.1]).view(1, 3, 1)
    y = torch.arange(40) % 4
    z = prompts.mean(dim=1)[y] + 2 * torch.randn(40, 6, generator=generator)
    hits = []
    for row, label in zip(z, y):
        scores = []
        for of_class in prompts:
            center = sum(p / p.norm() for p in of_class)
            scores.append(float(row @ center / center.norm()))
        hits.append(max(range(4), key=lambda c: scores[c]) == int(label))
    assert zero_shot_accuracy(z, y, prompts) == pytest.approx(sum(hits) / 40) and 0.3 < sum(hits) / 40 < 1
    y[:5] = -1
    assert zero_shot_accuracy(z, y, prompts) == pytest.approx(sum(hits[5:]) / 35)


def test_wrong_arguments():
    z, y, prompts = torch.randn(6, 4), torch.arange(6) % 3, torch.randn(3, 2, 4)
    for arguments, message in (
        ((z, y, prompts[0]), r"'prompts' must be finite of shape \[C, P, 4\]"),
        ((z, y, prompts[:, :, :2]), "'prompts' must be finite"),
        ((z, y, prompts / 0), "'prompts' must be finite"),
        ((z, y + 1, prompts), "'prompts' must hold the 4 classes"),
    ):
        with pytest.raises(ValueError, match=message):
            zero_shot_accuracy(*arguments)
