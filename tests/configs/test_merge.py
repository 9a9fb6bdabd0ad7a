import pytest

from gnnclr.configs import merge

BASE = {"model": {"method": {"class_path": "gnnclr.node.GRACE", "init_args": {"a": 1, "b": [1, 2]}}, "warmup": 3}}


def method(class_path, **arguments):
    return {"model": {"method": {"class_path": class_path, "init_args": arguments}}}


def test_mappings_are_merged_at_every_depth_and_lists_are_replaced():
    changes = {"model": {"method": {"init_args": {"b": [3]}}}, "data": {"x": None}}
    assert merge(BASE, changes) == {
        "model": {"method": {"class_path": "gnnclr.node.GRACE", "init_args": {"a": 1, "b": [3]}}, "warmup": 3},
        "data": {"x": None},
    }


def test_arguments_are_left_alone():
    changes = method("GRACE", b=[5])
    merged = merge(BASE, changes)
    merged["model"]["method"]["init_args"]["b"].append(6)
    assert BASE["model"]["method"]["init_args"]["b"] == [1, 2]
    assert changes["model"]["method"]["init_args"]["b"] == [5]


def test_keys_keep_their_order_and_a_class_stands_before_its_arguments():
    merged = merge({"b": 1, "a": {"init_args": {"y": 1, "x": 2}}}, {"c": 1, "a": {"class_path": "A"}, "b": 2})
    assert list(merged) == ["b", "a", "c"]
    assert list(merged["a"]) == ["class_path", "init_args"] and list(merged["a"]["init_args"]) == ["y", "x"]


@pytest.mark.parametrize("other", ["gnnclr.node.GCA", "GCA", "elsewhere.GRACE"])
def test_another_class_drops_the_arguments_of_the_old_one(other):
    assert merge(BASE, method(other, c=1))["model"]["method"] == {"class_path": other, "init_args": {"c": 1}}
    bare = merge(BASE, {"model": {"method": {"class_path": other}}})
    assert bare["model"]["method"] == {"class_path": other}


@pytest.mark.parametrize("same", ["gnnclr.node.GRACE", "GRACE", "gnnclr.node.methods.grace.GRACE"])
def test_another_spelling_of_a_class_keeps_them(same):
    assert merge(BASE, method(same, c=1))["model"]["method"]["init_args"] == {"a": 1, "b": [1, 2], "c": 1}


def test_a_part_may_become_another_thing():
    assert merge({"x": {"class_path": "A", "init_args": {"a": 1}}}, {"x": None}) == {"x": None}
    assert merge({"x": None}, {"x": {"class_path": "A"}}) == {"x": {"class_path": "A"}}
    assert merge({"x": [1]}, {"x": "b"}) == {"x": "b"}
