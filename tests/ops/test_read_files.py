import zipfile
from pathlib import Path

import numpy as np
import pytest

from gnnclr.ops.read_files import check_archive, read_files


def failing(error):
    def read():
        raise error

    return read


def test_read_files():
    path = Path("raw")
    assert read_files(path, lambda: 3) == 3
    with pytest.raises(
        ValueError, match=r"'raw' must be complete \(got EOFError: Ran out of input\); remove it and get it again"
    ):
        read_files(path, failing(EOFError("Ran out of input")))
    with pytest.raises(ValueError, match=r"'raw' must hold a table \(got KeyError: 101\)"):
        read_files(path, failing(KeyError(101)), "hold a table")
    with pytest.raises(ValueError, match=r"got RuntimeError: unsupported GLOBAL os\.system"):
        read_files(path, failing(RuntimeError("Weights only load failed.\n unsupported GLOBAL os.system")))
    with pytest.raises(FileNotFoundError, match="'raw' must hold all files, and downloading failed: no route"):
        read_files(path, failing(OSError("no route")), downloads=True)
    with pytest.raises(PermissionError):
        read_files(path, failing(PermissionError()), downloads=True)


def test_check_archive(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, x=np.arange(100))
    check_archive(path)
    data = bytearray(path.read_bytes())
    start = data.index(np.arange(100).tobytes()[:64])
    data[start + 8 : start + 72] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match=r"the checksum of its part 'x\.npy' is wrong"):
        check_archive(path)
