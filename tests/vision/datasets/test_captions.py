import pytest
import torch

from gnnclr.train import ImageData
from gnnclr.vision import Captions, DigitCaptions, TensorLoader, digits, word_tokens
from gnnclr.vision.datasets.captions import NAMES

CLASSES = [str(i) for i in range(10)]


def test_words_have_numbers():
    tokens = word_tokens(["A bold seven!", "a BOLD seven", "seven bold a", "", "one two three four"], length=3)
    assert torch.equal(tokens[0], tokens[1]) and tokens[3].tolist() == [0, 0, 0]
    assert tokens[2].tolist() == tokens[0].flip(0).tolist() and tokens.shape == (5, 3)
    assert bool((tokens[[0, 1, 2, 4]] > 0).all()) and int(tokens.max()) <= 4096
    with pytest.raises(ValueError, match="'length' must be"):
        word_tokens(["a"], length=0)


def test_no_two_words_about_digits_share_a_number():
    words = [*NAMES, *CLASSES, "a", "the", "digit", "bold", "thin", "wide", "narrow"]
    assert word_tokens(words)[:, 0].unique().numel() == len(words)


def test_captions_say_what_the_image_shows():
    data = digits().test
    source = DigitCaptions()
    texts = source.of_images(data.images, data.labels, CLASSES)
    assert {len(each) for each in texts} == {5}
    for i in range(0, len(texts), 37):
        label, image = int(data.labels[i]), data.images[i].float()
        own = data.images[data.labels == label].float()
        ink = own.mean(dim=(1, 2, 3))
        widths = torch.tensor([sum(bool((x[0, :, c] > 64).any()) for c in range(8)) for x in own])
        width = sum(bool((image[0, :, c] > 64).any()) for c in range(8))
        stroke = "bold" if image.mean() > ink.median() else "thin"
        shape = "wide" if width > int(widths.median()) else "narrow"
        assert texts[i][0] == f"a {stroke} {shape} {NAMES[label]}" and texts[i][3] == f"the digit {label}"
    assert not {text for each in source.of_classes(CLASSES) for text in each} & {
        text for each in texts for text in each
    }
    assert source.tokens(texts).shape == (450, 5, 8)


def test_batches_bring_the_captions_of_their_images():
    data = ImageData("digits", captions=DigitCaptions(), batch_size=64)
    data.setup("fit")
    images, labels = data.training_images()
    assert labels is None and len(images) == len(data.images.train.images)  # what is validated on is not told
    batch = next(iter(data.batches()))
    texts = DigitCaptions().of_images(images, data.images.train.labels, CLASSES)
    assert torch.equal(batch["other"], DigitCaptions().tokens([texts[i] for i in batch["index"].tolist()]))
    rows = data.split.test[:5]
    assert data.captions(rows).shape == (5, 5, 8) and data.prompts().shape == (10, 3, 8)
    plain = ImageData("digits")
    plain.setup("fit")
    assert plain.captions(rows) is None and plain.prompts() is None and "other" not in next(iter(plain.batches()))


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"'data\.captions' must be Captions"):
        ImageData("digits", captions="words")
    with pytest.raises(ValueError, match=r"DigitCaptions are of the classes 0 to 9 \(got cat, dog\)"):
        DigitCaptions().of_classes(["cat", "dog"])
    with pytest.raises(ValueError, match="'texts' must be the same number of captions"):
        Captions().tokens([["a"], ["b", "c"]])
    with pytest.raises(ValueError, match="'other' must have a row for each of the 6 images"):
        TensorLoader(torch.zeros(6, 1, 2, 2), batch_size=2, other=torch.zeros(5))
