import pytest
import torch

from gnnclr.vision import TextEncoder, word_tokens

TEXTS = ["a bold seven", "seven bold a", "seven", "", "the digit 7 is written as a seven"]


def encoder(layers, **kwargs):
    torch.manual_seed(0)
    return TextEncoder(16, layers, heads=2, buckets=64, **kwargs).eval()


def test_a_bag_of_words_is_the_mean_of_their_embeddings():
    model, tokens = encoder(0), word_tokens(TEXTS, buckets=64)
    out = model(tokens)
    for row, words in zip(out, tokens):
        rows = [model.words.weight[w] for w in words if w]
        expected = torch.stack(rows).mean(dim=0) if rows else torch.zeros(16)
        torch.testing.assert_close(row, expected)
    torch.testing.assert_close(out[0], out[1])


def test_places_matter_to_a_transformer_and_padding_does_not():
    model, tokens = encoder(2), word_tokens(TEXTS, buckets=64)
    out = model(tokens)
    assert out.isfinite().all() and bool((out[3] == 0).all()) and float((out[0] - out[1]).abs().max()) > 1e-3
    torch.testing.assert_close(model(tokens[:3, :3]), out[:3], rtol=1e-4, atol=1e-5)
    x = model.words(tokens[2:3, :1]) + model.places[:1]
    for layer in model.layers:
        x = layer(x)
    torch.testing.assert_close(out[2], x[0, 0], rtol=1e-4, atol=1e-5)


def test_all_parameters_learn():
    model = encoder(1).train()
    model(word_tokens(TEXTS, buckets=64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert bool((model.words.weight.grad[0] == 0).all())


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'heads' must divide the 16 channels"):
        TextEncoder(16, heads=3)
    with pytest.raises(ValueError, match="'layers' must be"):
        TextEncoder(layers=-1)
    for tokens in (torch.zeros(2, 3), torch.zeros(2, 9, dtype=torch.long), torch.zeros(2, dtype=torch.long)):
        with pytest.raises(ValueError, match=r"'tokens' must be integers of shape \[n, L\], L up to 8"):
            encoder(1)(tokens)
    assert repr(encoder(0)).startswith("TextEncoder(\n  16, length=8")
