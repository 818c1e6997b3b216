"""Target kinds and what a data set declares of a target."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from mstasks import TargetInfo, TargetKind

NAMED = (TargetKind.LABEL_MAP, TargetKind.ATTRIBUTES)


def test_the_kinds_and_which_of_them_are_dense() -> None:
    assert {kind.value: kind.dense for kind in TargetKind} == {
        "label-map": True,
        "depth-map": True,
        "vector-map": True,
        "scalar-map": True,
        "attributes": False,
    }


def test_a_kind_prints_as_its_name() -> None:
    assert f"{TargetKind.DEPTH_MAP}" == "depth-map"


@pytest.mark.parametrize("kind", NAMED)
def test_a_kind_with_classes_needs_their_names(kind: TargetKind) -> None:
    assert TargetInfo(kind, names=("a", "b")).names == ("a", "b")
    with pytest.raises(ValueError, match=rf"A {kind} target needs `names`\. Found \(\)\."):
        TargetInfo(kind)


@pytest.mark.parametrize("kind", [kind for kind in TargetKind if kind not in NAMED])
def test_a_kind_without_classes_takes_no_names(kind: TargetKind) -> None:
    assert TargetInfo(kind).names == ()
    with pytest.raises(ValueError, match=rf"A {kind} target takes no `names`\. Found \('a',\)\."):
        TargetInfo(kind, names=("a",))


def test_pairs_of_unknown_names_are_named() -> None:
    with pytest.raises(ValueError, match=r"`pairs` speaks of \['left_ear'\], which are not among `names`"):
        TargetInfo(TargetKind.LABEL_MAP, names=("right_ear",), pairs=(("left_ear", "right_ear"),))


def test_colours_need_one_entry_per_name() -> None:
    with pytest.raises(ValueError, match="`colours` has 1 entries for 2 names"):
        TargetInfo(TargetKind.LABEL_MAP, names=("a", "b"), colours=((0, 0, 0),))


def test_a_declaration_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TargetInfo(TargetKind.DEPTH_MAP).names = ("a",)  # type: ignore[misc]


def test_declaring_a_target_imports_neither_torch_nor_pydantic() -> None:
    code = "import sys, mstasks; mstasks.TargetInfo(mstasks.TargetKind.DEPTH_MAP); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "mstasks.targets" in loaded
    assert not {"torch", "pydantic", "numpy"} & set(loaded)
