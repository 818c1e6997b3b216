"""What a recipe may set of CelebAMask-HQ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mstasks import Options, RecipePath
from mstasks_celebamask_hq.names import ATTRIBUTES, BACKGROUND, PAIRS, PARTS


def _check_names(names: Sequence[str], known: Sequence[str], noun: str) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"'{name}' is no {noun} of CelebAMask-HQ.{hint} Allowed: {', '.join(known)}")
        if names.count(name) > 1:
            raise ValueError(f"each {noun} at most once; '{name}' is listed {names.count(name)} times")


def _parts(names: tuple[str, ...]) -> tuple[str, ...]:
    if BACKGROUND in names:
        raise ValueError(f"'{BACKGROUND}' is always class 0; leave it out")
    _check_names(names, PARTS, "part")
    for left, right in PAIRS:
        if (left in names) != (right in names):
            raise ValueError(f"'{left}' and '{right}' go together, because a left-right flip swaps them")
    return names


def _attributes(names: tuple[str, ...]) -> tuple[str, ...]:
    _check_names(names, ATTRIBUTES, "attribute")
    return names


class HashSplit(Options):
    """Each image's place is decided by a hash of its number; see `mstasks_celebamask_hq.splits.hash_split`."""

    name: Literal["hash"] = Field("hash", description="By a hash of the image's number.")
    val_fraction: float = Field(0.1, gt=0, lt=1, description="Part of the images that is val.")
    test_fraction: float = Field(0.1, gt=0, lt=1, description="Part of the images that is test.")
    seed: int = Field(0, ge=0, description="Another seed splits otherwise.")

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> Self:
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"`val_fraction` and `test_fraction` must leave images to train on. They add up to "
                f"{self.val_fraction + self.test_fraction:g}"
            )
        return self


class CelebASplit(Options):
    """The split of CelebA, from which the images come."""

    name: Literal["celeba"] = Field("celeba", description="As CelebA is split.")
    mapping: RecipePath | None = Field(
        None, description="Which image of CelebA each is; CelebA-HQ-to-CelebA-mapping.txt in the data's folder if null."
    )
    partition: RecipePath | None = Field(
        None,
        description="CelebA's list_eval_partition.txt; if null, the one in the data's folder if there is one, else the "
        "published bounds.",
    )


class ListSplit(Options):
    """Splits that text files list: one image a line, as `12` or `12.jpg`."""

    name: Literal["lists"] = Field("lists", description="As text files say.")
    train: RecipePath = Field(description="Text file of the images to train on.")
    val: RecipePath = Field(description="Text file of the images to select checkpoints with.")
    test: RecipePath = Field(description="Text file of the images to report on.")


SplitChoice = Annotated[HashSplit | CelebASplit | ListSplit, Field(discriminator="name")]


class CelebAMaskHQOptions(Options):
    """Where the folder is, which classes and attributes, and how it is split."""

    root: RecipePath = Field(
        description="CelebAMask-HQ/, or the folder above it, with CelebA-HQ-img/ and, as far as they are used, "
        "CelebAMask-HQ-mask-anno/ and CelebAMask-HQ-attribute-anno.txt."
    )
    masks: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_parts)] | Literal[19, 3] = Field(
        19, description="Classes of the segmentation: all 19; 3: background, hair, skin; or background and these parts."
    )
    attributes: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_attributes)] | None = Field(
        None, description="The attributes to deliver, in this order; all 40 if null."
    )
    split: SplitChoice | Literal["hash", "celeba"] = Field(
        "hash", description="`hash`, `celeba`, or a mapping whose `name` is hash, celeba or lists, with its settings."
    )

    @property
    def chosen_split(self) -> HashSplit | CelebASplit | ListSplit:
        """The split with its settings, also where only its name is written."""
        if isinstance(self.split, str):
            return HashSplit() if self.split == "hash" else CelebASplit()
        return self.split
