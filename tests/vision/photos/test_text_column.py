import pickle

import numpy as np
import pytest

from gnnclr.vision.photos.text_column import TextColumn


def test_it_is_a_sequence_of_texts():
    texts = ["a", "", "ä/b.jpg", "x" * 300, "\udcff"]
    column = TextColumn.of(iter(texts))
    assert list(column) == texts and column == texts and column != texts[1:] and column != "a" and len(column) == 5
    assert column[-1] == "\udcff" and column[1:4] == texts[1:4] and column[::-2] == texts[::-2]
    assert np.array(column).tolist() == texts and pickle.loads(pickle.dumps(column)) == column
    assert repr(column) == "TextColumn(5)" and list(TextColumn.of([])) == []
    assert TextColumn.joined([column, TextColumn.of([]), column]) == texts * 2
    for index in (5, -6):
        with pytest.raises(IndexError):
            column[index]
