import os
import signal
import subprocess
import sys
import time

import pytest

from gnnclr.processes import RANKS, is_rank_zero, sigterm_interrupts


@pytest.mark.parametrize("name", RANKS)
def test_rank_zero(name, monkeypatch):
    for other in RANKS:
        monkeypatch.delenv(other, raising=False)
    assert is_rank_zero()
    monkeypatch.setenv(name, "0")
    assert is_rank_zero()
    monkeypatch.setenv(name, "1")
    assert not is_rank_zero()


def test_a_process_ends_with_its_parent():
    child = "import time; from gnnclr.processes import end_with_parent; end_with_parent(); print(1); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-uc', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"1\n"
    process.kill()
    started = time.monotonic()
    assert process.stdout.read() == b""  # the child has closed it as well
    assert time.monotonic() - started < 10
    process.wait()


def test_a_request_to_terminate_is_an_interrupt():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) is before
