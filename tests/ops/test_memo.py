import copy
import gc
import pickle

import torch

from gnnclr.ops.memo import _ORIGINALS, TensorMemo, copy_of, original


def make():
    calls = []

    def function(x, factor):
        calls.append(factor)
        return x * factor

    return TensorMemo(function), calls


def test_same_tensors_are_computed_once():
    memo, calls = make()
    x = torch.ones(3, requires_grad=True)
    value = memo(x, 2)
    assert memo(x, 2) is value and calls == [2]
    assert not value.requires_grad
    assert memo(x, 3).tolist() == [3, 3, 3] and calls == [2, 3]


def test_settings_may_be_tuples():
    x = torch.ones(2)
    pairs = TensorMemo(lambda x, sizes: x.sum() + sum(sizes))
    assert pairs(x, (1, 2)) is pairs(x, (1, 2)) and pairs(x, (1, 3)) == 6


def test_changed_and_equal_tensors_are_computed_again():
    memo, calls = make()
    x = torch.ones(3)
    memo(x, 2)
    x.add_(1)
    assert memo(x, 2).tolist() == [4, 4, 4]
    memo(x.clone(), 2)
    assert len(calls) == 3


def test_arguments_are_not_kept_alive():
    memo = TensorMemo(lambda x: x.sum())
    memo(torch.ones(3))
    gc.collect()
    assert memo._last[0][0][0]() is None
    assert memo(torch.zeros(3)) == 0


def test_values_made_in_inference_mode_can_be_trained_with():
    memo = TensorMemo(lambda x: x * 2)
    x = torch.ones(3)
    with torch.inference_mode():
        memo(x)
        assert memo(torch.ones(3)).sum() == 6  # a tensor without a version
        memo(x)
    weight = torch.ones(3, requires_grad=True)
    (weight * memo(x)).sum().backward()
    assert weight.grad.tolist() == [2, 2, 2]


def test_copies_start_afresh():
    memo = TensorMemo(torch.neg)
    x = torch.ones(2)
    memo(x)
    for other in (copy.deepcopy(memo), pickle.loads(pickle.dumps(memo))):
        assert other._last == (None, None) and other(x).tolist() == [-1, -1]


def test_copies_stand_for_their_original_until_someone_writes_into_them():
    memo, calls = make()
    x = torch.ones(3)
    value = memo(x, 2)
    first, second = copy_of(x), copy_of(x)
    assert memo(first, 2) is value and memo(second, 2) is value and calls == [2]
    first.data.zero_()  # which has no version: what is remembered is that of the original all the same
    assert memo(second, 2) is value and x.sum() == 3
    assert memo(first, 3).tolist() == [3, 3, 3] and memo(second, 3).tolist() == [3, 3, 3] and calls == [2, 3]
    second.add_(1)
    assert memo(second, 3).tolist() == [6, 6, 6] and original(second) is second
    known = len(_ORIGINALS)
    del first, second
    gc.collect()
    assert len(_ORIGINALS) == known - 2


def test_a_copy_made_in_inference_mode_has_a_version():
    x = torch.ones(2)
    with torch.inference_mode():
        copied = copy_of(x)
    assert copied._version == 0 and not copied.is_inference()
