"""What `mstasks ls` and a recipe read is light, and says what the data set delivers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mstasks_celebamask_hq
from mstasks import TargetKind
from mstasks_celebamask_hq.names import ATTRIBUTES, PAIRS, PARTS
from mstasks_celebamask_hq.options import CelebAMaskHQOptions
from mstasks_celebamask_hq.targets import targets

LIGHT = ["__init__", "names", "classes", "options", "targets"]


def imported(program: str) -> set[str]:
    code = f"import sys\n{program}\nprint(*sys.modules)"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(fresh.stdout.split())


def test_listing_options_and_targets_are_light() -> None:
    modules = ", ".join(f"mstasks_celebamask_hq.{name}" for name in LIGHT)
    assert not imported(f"import {modules}") & {"torch", "numpy", "cv2"}


def test_the_check_itself_works() -> None:
    assert "numpy" in imported("import mstasks_celebamask_hq.dataset")


def test_the_spec_names_what_exists() -> None:
    (spec,) = mstasks_celebamask_hq.register_datasets()
    assert spec.name == "celebamask_hq"
    for reference in (spec.factory, spec.options, spec.targets):
        module, attribute = str(reference).split(":")
        assert callable(getattr(__import__(module, fromlist=[attribute]), attribute))


def test_all_parts_and_attributes_by_default() -> None:
    declared = targets(CelebAMaskHQOptions(root=Path("nowhere")))
    assert {name: info.kind for name, info in declared.items()} == {
        "segmentation": TargetKind.LABEL_MAP,
        "attributes": TargetKind.ATTRIBUTES,
    }
    assert declared["segmentation"].names == ("background", *PARTS)
    assert len(declared["segmentation"].names) == 19
    assert declared["segmentation"].pairs == PAIRS
    assert declared["attributes"].names == ATTRIBUTES
    assert len(set(ATTRIBUTES)) == 40


@pytest.mark.parametrize(
    ("masks", "names", "pairs"),
    [
        (3, ("background", "hair", "skin"), ()),
        (("hair", "skin"), ("background", "hair", "skin"), ()),
        (("r_ear", "hat", "l_ear"), ("background", "r_ear", "hat", "l_ear"), (("l_ear", "r_ear"),)),
    ],
)
def test_the_chosen_classes_are_declared_with_their_pairs(
    masks: int | tuple[str, ...], names: tuple[str, ...], pairs: tuple[tuple[str, str], ...]
) -> None:
    declared = targets(CelebAMaskHQOptions(root=Path("nowhere"), masks=masks))["segmentation"]  # type: ignore[arg-type]
    assert declared.names == names
    assert declared.pairs == pairs


def test_the_chosen_attributes_are_declared_in_the_chosen_order() -> None:
    declared = targets(CelebAMaskHQOptions(root=Path("nowhere"), attributes=("Young", "Male")))
    assert declared["attributes"].names == ("Young", "Male")
