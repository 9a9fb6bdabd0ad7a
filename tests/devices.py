"""Marks of tests that need an accelerator."""

import pytest
import torch

#: For ``pytest.param(..., marks=CUDA)``.
CUDA = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def needs_cuda(function):
    """Decorates a test that runs where a CUDA device is."""
    for mark in CUDA:
        function = mark(function)
    return function
