import pytest

from gnnclr.ops.notice import is_rank_zero, notice, notice_once
from gnnclr.processes import RANKS


@pytest.mark.parametrize(
    ("name", "rank", "out"), [(None, "", "hello\n"), ("RANK", "0", "hello\n"), ("LOCAL_RANK", "1", "")]
)
def test_one_process_speaks(name, rank, out, monkeypatch, capsys):
    for variable in RANKS:
        monkeypatch.delenv(variable, raising=False)
    if name is not None:
        monkeypatch.setenv(name, rank)
    notice("hello")
    assert capsys.readouterr().out == out and is_rank_zero() == bool(out)


def test_a_line_is_said_once(capsys):
    for _ in range(2):
        notice_once("what is said once")
    assert capsys.readouterr().out == "what is said once\n"
