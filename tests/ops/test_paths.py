import errno
from pathlib import Path

import pytest
import torch

from gnnclr.ops.paths import expand_path, naming_file


def test_expand_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("PLACE", "/data")
    monkeypatch.delenv("NOWHERE", raising=False)
    for text, path in (("~/a", "/home/someone/a"), ("$PLACE/a", "/data/a"), ("${PLACE}", "/data"), ("a/~", "a/~")):
        assert expand_path(text) == expand_path(Path(text)) == Path(path)
    assert expand_path("$NOWHERE/a") == Path("$NOWHERE/a")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "write", [lambda file: file.write(b"x" * 10**6), lambda file: torch.save({"x": torch.ones(9)}, file)]
)
def test_a_full_disk_says_which_file(write):
    with pytest.raises(OSError) as caught, naming_file("last.ckpt"), open("/dev/full", "wb") as file:
        write(file)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == "last.ckpt"


def test_other_errors_pass():
    with pytest.raises(FileNotFoundError, match="'none'"), naming_file("other"):
        open("none")  # noqa: SIM115
    with pytest.raises(RuntimeError, match=r"^broken$"), naming_file("other"):
        raise RuntimeError("broken")
