import mmap
import subprocess
import sys

import pytest

from gnnclr.train.parallel import memory
from gnnclr.train.parallel.memory import PeakMemory, resident_gb


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="the system does not tell")
def test_the_peak_is_that_of_the_block():
    with PeakMemory() as before:
        pass
    with PeakMemory() as peak:
        assert peak.gb is None
        with mmap.mmap(-1, 2**27) as pages:  # 128 MB of pages that no freed memory of the process can serve
            pages[:: mmap.PAGESIZE] = bytes(2**27 // mmap.PAGESIZE)
    assert 0.1 < peak.gb - before.gb < 0.3
    with PeakMemory() as after:
        pass
    assert after.gb < peak.gb - 0.1


def test_a_system_that_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "missing" / "clear_refs")
    with PeakMemory() as peak:
        pass
    assert peak.gb is None


def test_processes_that_a_process_has_started_count():
    grow = "x = bytearray(2**26); x[::4096] = bytes(len(x[::4096])); print(1, flush=True); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", start], **pipes) as process:
        process.stdout.readline()
        assert 2**26 / memory.GB < resident_gb(process.pid) < 0.2
        process.communicate(b"\n")
    assert resident_gb(process.pid) == 0.0 < resident_gb()
