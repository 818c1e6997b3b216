"""What `mstasks ls` and a recipe read costs neither torch nor numpy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

import mstasks_scenes
from mstasks import TargetKind
from mstasks_scenes.options import ScenesOptions
from mstasks_scenes.targets import ATTRIBUTES, CLASSES, targets

LISTING = "import mstasks_scenes; mstasks_scenes.register_datasets()"
TARGETS = "from mstasks_scenes.targets import targets; targets(None)"


def imported(program: str) -> set[str]:
    code = f"import sys\n{program}\nprint(*sys.modules)"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(fresh.stdout.split())


@pytest.mark.parametrize("program", [LISTING, TARGETS, "import mstasks_scenes.options"])
def test_listing_is_light(program: str) -> None:
    assert not imported(program) & {"torch", "numpy"}


@pytest.mark.parametrize("program", [LISTING, TARGETS])
def test_listing_needs_no_pydantic(program: str) -> None:
    assert "pydantic" not in imported(program)


def test_the_check_itself_works() -> None:
    assert "numpy" in imported("import mstasks_scenes.dataset")


def test_the_spec_names_what_exists() -> None:
    (spec,) = mstasks_scenes.register_datasets()
    assert spec.name == "scenes"
    for reference in (spec.factory, spec.options, spec.targets):
        module, attribute = str(reference).split(":")
        assert callable(getattr(__import__(module, fromlist=[attribute]), attribute))


def test_targets_have_kinds_names_and_colours() -> None:
    declared = targets(ScenesOptions())
    assert {name: info.kind for name, info in declared.items()} == {
        "segmentation": TargetKind.LABEL_MAP,
        "depth": TargetKind.DEPTH_MAP,
        "normals": TargetKind.VECTOR_MAP,
        "edges": TargetKind.SCALAR_MAP,
        "attributes": TargetKind.ATTRIBUTES,
    }
    segmentation = declared["segmentation"]
    assert segmentation.names == CLASSES
    assert len(set(segmentation.colours)) == len(CLASSES) == 13
    assert declared["attributes"].names == ATTRIBUTES


@pytest.mark.parametrize("wrong", [{"train": 0}, {"train": 1_000_001}, {"seed": -1}, {"cache_mib": -1}, {"dev": 3}])
def test_wrong_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ScenesOptions(**wrong)  # type: ignore[arg-type]
