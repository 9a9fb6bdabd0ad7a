import pytest
import torch
from torch import nn

from gnnclr.eval import zero_shot_accuracy
from gnnclr.train import ImageData
from gnnclr.vision import DigitCaptions, PairedInputs, RandomCaption, SlimResNet, TextEncoder, TwoTowers, Views
from gnnclr.vision.methods.caption_probe import caption_probes


def test_recalls_are_those_of_a_loop_over_texts():
    generator = torch.Generator().manual_seed(0)
    words = torch.tensor([[1, 2], [3, 0], [1, 4], [5, 6]])
    captions = words[torch.randint(4, (12, 2), generator=generator)]
    table = torch.randn(7, 5, generator=generator)
    text = table[captions].sum(dim=2)
    image, y = torch.randn(12, 5, generator=generator), torch.arange(12) % 3
    prompts = torch.randn(3, 2, 5, generator=generator)
    found = caption_probes(image, captions, text, y, prompts, k=(1, 2))
    cosine = torch.nn.functional.cosine_similarity
    every = sorted({tuple(c.tolist()) for each in captions for c in each})
    embedded = {c: table[list(c)].sum(dim=0) for c in every}
    for k in (1, 2):
        hits = []
        for i in range(12):
            near = sorted(every, key=lambda c: -float(cosine(image[i], embedded[c], dim=0)))[:k]
            hits.append(any(tuple(c.tolist()) in near for c in captions[i]))
        assert found[f"image-text R@{k}"].test == pytest.approx(sum(hits) / 12)
        hits = []
        for c in every:
            near = sorted(range(12), key=lambda i: -float(cosine(image[i], embedded[c], dim=0)))[:k]
            hits.append(any(tuple(own.tolist()) == c for i in near for own in captions[i]))
        assert found[f"text-image R@{k}"].test == pytest.approx(sum(hits) / len(every))
    assert found["zero-shot"].test == zero_shot_accuracy(image, y, prompts)
    assert found["image-text R@1"].settings == {"captions": len(every), "images": 12}


def towers():
    torch.manual_seed(0)
    encoders = SlimResNet((8, 16), in_channels=1, stem_stride=1), TextEncoder(16)
    modalities = PairedInputs(Views([], views=1), RandomCaption())
    return TwoTowers(encoders, (nn.Linear(16, 8), nn.Linear(16, 8)), modalities)


def test_digits_and_captions_are_learned():
    data = ImageData("digits", captions=DigitCaptions(), batch_size=128)
    data.setup("fit")
    method = towers()
    before = data.with_own_probes({"trained": method}, {"trained": {}})["trained"]
    optimizer = torch.optim.AdamW(method.parameters(), 5e-3)
    for _ in range(5):
        for batch in data.batches():
            loss, logs = method.training_step_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert "temperature" in logs
    after = data.with_own_probes({"trained": method}, {"trained": {}})["trained"]
    assert set(after) == {f"{way} R@{k}" for way in ("image-text", "text-image") for k in (1, 5)} | {"zero-shot"}
    for name in ("image-text R@5", "text-image R@5", "zero-shot"):
        assert after[name].test > before[name].test + 0.2, name
    assert method.training  # the probes left it in its mode


def test_images_without_captions_have_no_such_probes():
    data = ImageData("digits")
    data.setup("fit")
    assert towers().own_probes(data, {}) == {}
