"""Wrong options are refused with the name that was probably meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mstasks_celebamask_hq.options import CelebAMaskHQOptions, CelebASplit, HashSplit


def options(**values: Any) -> CelebAMaskHQOptions:
    return CelebAMaskHQOptions.model_validate({"root": Path("nowhere"), **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"attributes": ("Male", "Smilling")},
            r"'Smilling' is no attribute of CelebAMask-HQ. Did you mean 'Smiling'\?",
        ),
        ({"attributes": ("Male", "Male")}, r"each attribute at most once; 'Male' is listed 2 times"),
        ({"attributes": ()}, r"at least 1"),
        ({"masks": ("hiar",)}, r"'hiar' is no part of CelebAMask-HQ. Did you mean 'hair'\? Allowed: skin, nose, "),
        ({"masks": ("hair", "hair")}, r"each part at most once; 'hair' is listed 2 times"),
        ({"masks": ("background", "hair")}, r"'background' is always class 0; leave it out"),
        ({"masks": ("l_eye", "hair")}, r"'l_eye' and 'r_eye' go together, because a left-right flip swaps them"),
        ({"masks": ()}, r"at least 1"),
        ({"masks": 5}, r"19 or 3"),
        ({"split": "random"}, r"'hash' or 'celeba'"),
        ({"split": {"name": "random"}}, r"'hash', 'celeba', 'lists'"),
        ({"split": {"name": "hash", "val_fraction": 0.5, "test_fraction": 0.5}}, r"They add up to 1"),
        ({"split": {"name": "hash", "val_fraction": 0.0}}, r"greater than 0"),
        ({"split": {"name": "lists", "train": Path("a"), "val": Path("b")}}, r"test\n +Field required"),
        ({"split": {"name": "celeba", "seed": 1}}, r"seed\n +Extra inputs"),
    ],
)
def test_a_wrong_option_is_explained(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(**values)


def test_a_split_may_be_its_name_alone() -> None:
    assert options().chosen_split == HashSplit(val_fraction=0.1, test_fraction=0.1, seed=0)
    assert options(split="hash").chosen_split == HashSplit()
    assert options(split="celeba").chosen_split == CelebASplit()
    assert options(split={"name": "hash", "seed": 3}).chosen_split == HashSplit(seed=3)
