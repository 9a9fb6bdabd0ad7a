from types import SimpleNamespace

import yaml

from gnnclr.train.search import Space
from gnnclr.train.search.summary import best_table, failures, write_best


def test_the_winner_of_data_without_a_name(tmp_path):
    searched = {"model": {"lr": 0.1, "decay": 0.0}, "data": {"class_path": "my.Data", "init_args": {"k": 3}}}
    winner = {**searched, "model": {"lr": 0.2, "decay": 0.0}}
    write_best(tmp_path / "best.yaml", ["grace"], winner, searched)
    assert yaml.safe_load((tmp_path / "best.yaml").read_text()) == {"base": "grace", "model": {"lr": 0.2}}


def test_names_are_short_where_they_differ():
    space = Space({"a.b.p": [0.1], "c.b.p": [0.2], "a.q": [1]}, {"a": {"b": {"p": 0}, "q": 1}, "c": {"b": {"p": 0}}})
    trial = SimpleNamespace(number=4, value=0.5, params={"a.b.p": 0.1, "c.b.p": 0.2, "a.q": 1})
    head = best_table([trial], space, "validation").splitlines()[0]
    assert [cell.strip() for cell in head.split("|")[1:-1]] == ["trial", "validation, %", "a.b.p", "c.b.p", "a.q"]


def test_each_reason_of_failures_is_said_once():
    failed = [SimpleNamespace(number=i, user_attrs={"error": "NaN" if i % 2 else "zero"}) for i in range(3)]
    assert failures(failed) == "Failed: 0, 2 (zero); 1 (NaN)."
    assert failures([]) == ""
