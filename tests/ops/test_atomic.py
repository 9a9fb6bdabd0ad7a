import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from gnnclr.ops.atomic import atomic_write, write_text


def test_all_or_nothing(tmp_path):
    path = tmp_path / "folder" / "file"
    write_text(path, "old\n")
    with pytest.raises(RuntimeError), atomic_write(path) as file:
        file.write("new")
        assert path.read_text() == "old\n"
        raise RuntimeError
    assert path.read_text() == "old\n"
    with atomic_write(path, "wb") as file:
        file.write(b"bytes")
    assert path.read_bytes() == b"bytes"
    assert os.listdir(path.parent) == ["file"]


def test_two_writers_at_the_same_time(tmp_path):
    path = tmp_path / "file"
    with atomic_write(path) as first:
        first.write("first, and longer")
        first.flush()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(write_text, path, "second").result()
        assert path.read_text() == "second"
    assert path.read_text() == "first, and longer"


def test_links_and_devices_stay(tmp_path):
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "text"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
