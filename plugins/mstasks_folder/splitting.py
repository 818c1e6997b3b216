"""From the ids on disk to train, val and test: by list, by folder, or by a seeded fraction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from mstasks import Split, quoted, read_lines, split_off
from mstasks_folder.options import SplitOptions, is_list

_VAL = ("val", "valid", "validation")
Find = Callable[[str], str | None]
"""From an id or a file name, as a list or a table writes it, to the id of an image; None if there is none."""


def make_splits(ids: Sequence[str], options: SplitOptions, root: Path, find: Find) -> Mapping[Split, tuple[str, ...]]:
    """The ids of each split, in the order of its list or else sorted.

    Args:
        ids: Of all images, sorted.
        options: How they are split.
        root: Where the lists are.
        find: Finds what the lists name.

    Raises:
        ValueError: If a list cannot be read or names what is not there, an image is in two splits, a split is empty, or
            nothing is said of folders that are called like splits.
    """
    if not options.model_fields_set & {"train", "val", "test"}:
        _check_called_otherwise({id.partition("/")[0] for id in ids if "/" in id})
    places: dict[Split, str | float | None] = {"train": options.train, "val": options.val, "test": options.test}
    splits = {name: _at(ids, place, root, find) for name, place in places.items() if isinstance(place, str)}
    _check_disjoint(splits, places)
    if "train" not in splits:
        taken = {id for part in splits.values() for id in part}
        splits["train"] = tuple(id for id in ids if id not in taken)
    aside = {name: place for name, place in places.items() if isinstance(place, float)}
    if len(splits["train"]) <= len(aside):
        raise ValueError(
            f"{len(splits['train'])} of {len(ids)} images are left for {' and '.join(['train', *aside])}, which is too "
            "few. Change `split`, or give more images."
        )
    left = 1.0
    for name in reversed(aside):  # test before val: what is tested on does not depend on how much is validated on
        kept, chosen = split_off(splits["train"], aside[name] / left, options.seed)
        splits["train"], splits[name] = tuple(kept), tuple(chosen)
        left -= aside[name]
    return {name: splits[name] for name in places}


def _check_called_otherwise(folders: Collection[str]) -> None:
    """Images that somebody has split already must not be mixed by mistake."""
    plain = {name.lower(): name for name in sorted(folders)}
    calls = {"train": ("train",), "val": _VAL, "test": ("test",)}
    found = {split: plain[name] for split, names in calls.items() for name in names if name in plain}
    names = ", ".join(found.values())
    if "train" in found and len(found) > 1:
        apart = ", ".join(f"{split}: {name}" for split, name in found.items())
        raise ValueError(
            f"The folders {names} of images are called like splits, and `split` says nothing of them. "
            f"Keep them apart by `split: {{{apart}}}`, or mix them by `split: {{val: 0.1, test: 0.1}}`."
        )


def _at(ids: Sequence[str], place: str, root: Path, find: Find) -> tuple[str, ...]:
    if is_list(place):
        return _listed(root / place, find)
    folder = place.rstrip("/")
    found = tuple(id for id in ids if id.startswith(f"{folder}/"))
    if not found:
        raise ValueError(f"There are no images below '{folder}', a folder of `split`. A list must end in '.txt'.")
    return found


def _listed(path: Path, find: Find) -> tuple[str, ...]:
    lines: dict[str, int] = {}
    missing: list[tuple[str, int]] = []
    for number, text in enumerate(read_lines(path), 1):
        if not text:
            continue
        id = find(text)
        if id is None:
            missing.append((text, number))
        elif id in lines:
            raise ValueError(f"{quoted(path)}, line {number}: '{text}' stands in line {lines[id]} already.")
        else:
            lines[id] = number
    if missing:
        text, number = missing[0]
        raise ValueError(
            f"{quoted(path)} lists {len(missing)} of {len(missing) + len(lines)} ids that no image has; the first is "
            f"'{text}' in line {number}."
        )
    if not lines:
        raise ValueError(f"{quoted(path)} lists no ids.")
    return tuple(lines)


def _check_disjoint(splits: Mapping[Split, Sequence[str]], places: Mapping[Split, str | float | None]) -> None:
    for one, other in combinations(splits, 2):
        common = set(splits[one]) & set(splits[other])
        if common:
            raise ValueError(
                f"{len(common)} images are in {one} ('{places[one]}') and in {other} ('{places[other]}'), such as "
                f"'{min(common)}'."
            )
