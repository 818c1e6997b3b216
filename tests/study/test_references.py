"""References to other arms become paths that YAML reads as the same text."""

from __future__ import annotations

import pytest
import yaml

from mstasks.study.references import fill, referenced, rename


def test_arms_are_found_in_order() -> None:
    assert referenced("adapt.baselines=[scratch, {arm.b}, {arm.a-1}]") == ("b", "a-1")
    assert referenced("data.root=${ROOT}") == ()


@pytest.mark.parametrize("path", ["/runs/a/001", "/my runs/a, b/001", '/q"/{x}: #', "/ünï/001"])
def test_a_path_reads_as_itself_within_a_list_and_alone(path: str) -> None:
    text = fill("{arm.a}", lambda _: path)
    assert yaml.safe_load(text) == path
    assert yaml.safe_load(f"[{text}, x]") == [path, "x"]


def test_a_bare_path_may_be_followed_by_more() -> None:
    assert fill("x={arm.a}/model", lambda name: f"/runs/{name}") == "x=/runs/a/model"


def test_references_are_renamed() -> None:
    assert rename("x={arm.a} {arm.b}", {"a": "c", "b": "b"}.__getitem__) == "x={arm.c} {arm.b}"
