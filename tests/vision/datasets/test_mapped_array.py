import numpy as np
import pytest

from gnnclr.vision.datasets.mapped_array import MappedArray

SHAPE = (10, 2, 3)
WHOLE = np.arange(60, dtype=np.uint8).reshape(SHAPE)


def pieces(first, asked=None, stop=None):
    """Rows from one on, three at a time, up to a stop."""
    if asked is not None:
        asked.append(first)
    for start in range(first, 10, 3):
        if stop is not None and start >= stop:
            raise KeyboardInterrupt
        yield WHOLE[start : start + 3]


def test_it_is_made_once_and_mapped(tmp_path):
    array, asked = MappedArray(tmp_path / "sub" / "x.npy", SHAPE), []
    assert array.rows == 0
    with pytest.raises(FileNotFoundError, match=r"x\.npy' must be made before it is read \(0 of 10 rows\)"):
        array.open()
    array.make(lambda first: pieces(first, asked))
    array.make(lambda first: pieces(first, asked))
    assert asked == [0] and array.rows == 10 and [path.name for path in array.path.parent.iterdir()] == ["x.npy"]
    found = array.open()
    assert isinstance(found, np.memmap) and np.array_equal(found, WHOLE)
    found[0] = 7  # stays in memory
    assert np.array_equal(MappedArray(array.path, SHAPE).open(), WHOLE)


def test_a_stopped_one_goes_on(tmp_path):
    array, asked = MappedArray(tmp_path / "x.npy", SHAPE), []
    for stop, rows in ((6, 6), (9, 9)):
        with pytest.raises(KeyboardInterrupt):
            array.make(lambda first, stop=stop: pieces(first, asked, stop))
        assert array.rows == rows and not array.path.exists()
    array.make(lambda first: pieces(first, asked))
    assert asked == [0, 6, 9] and np.array_equal(array.open(), WHOLE)


def test_two_make_the_same_at_the_same_time(tmp_path):
    first, second = MappedArray(tmp_path / "x.npy", SHAPE), MappedArray(tmp_path / "x.npy", SHAPE)

    def slow(start):
        for number, piece in enumerate(pieces(start)):
            if number == 2:
                second.make(pieces)  # begins at row 6, and is done before
                assert second.rows == 10
            yield piece

    first.make(slow)
    assert np.array_equal(first.open(), WHOLE) and [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("damage", ["cut", "other", "no array"])
@pytest.mark.parametrize("name", ["x.npy", "x.part.npy"])
def test_damaged_files_are_made_anew(name, damage, tmp_path, capsys):
    path, array = tmp_path / name, MappedArray(tmp_path / "x.npy", SHAPE)
    np.save(path, WHOLE[:4] if damage == "other" else WHOLE)
    path.write_bytes(path.read_bytes()[:-5] if damage == "cut" else path.read_bytes())
    if damage == "no array":
        path.write_bytes(b"nothing")
    array.make(pieces)
    assert np.array_equal(array.open(), WHOLE)
    assert f"the cache '{path}' is damaged and made anew" in capsys.readouterr().err


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    array = MappedArray(tmp_path / "x.npy", SHAPE)
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match=r"No space left on device: '.*x\.part\.npy'"):
        array.make(pieces)
