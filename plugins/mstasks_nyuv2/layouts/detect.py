"""Which layout a folder is in."""

from __future__ import annotations

from pathlib import Path

from mstasks import quoted
from mstasks_nyuv2.layouts.layout import Layout
from mstasks_nyuv2.layouts.mat import LABELED, OfficialMat
from mstasks_nyuv2.layouts.mtan import MTAN
from mstasks_nyuv2.layouts.nyud_mt import NYUDMT

_MARKS = {
    "NYUD_MT": ("images", "gt_sets"),
    "MTAN": ("train/image", "val/image"),
    "the official file": (LABELED,),
}
"""What tells each layout: any of these suffices, so that a damaged one is still told by its own errors."""
_LOOKED_FOR = (
    "NYUD_MT (images/{id}.jpg, gt_sets/train.txt and val.txt), MTAN (train/image/ and val/image/{number}.npy), and the "
    f"official file ({LABELED}, splits.mat)"
)


def find_layout(root: Path, classes: int) -> Layout:
    """The layout of a folder, or of the official file itself.

    A folder layout goes before an official file that lies in the same folder; name the file to choose it.

    Raises:
        ValueError: If there is no such folder or file, it is in no known layout, or its layout's own check fails.
    """
    if not root.exists():
        raise ValueError(f"There is no {quoted(root)}. `data.root` names where NYU-v2 is: {_LOOKED_FOR}.")
    if not root.is_dir():
        return OfficialMat(root, classes)
    match _told(root):
        case "NYUD_MT":
            return NYUDMT(root, classes)
        case "MTAN":
            return MTAN(root, classes)
        case "the official file":
            return OfficialMat(root / LABELED, classes)
    raise ValueError(_unknown(root))


def _told(root: Path) -> str | None:
    return next((name for name, marks in _MARKS.items() if any((root / mark).exists() for mark in marks)), None)


def _unknown(root: Path) -> str:
    entries = sorted(root.iterdir())
    shown = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries[:8]]
    more = f" and {len(entries) - 8} more" if len(entries) > 8 else ""
    found = f"{', '.join(shown) or 'nothing'}{more}"
    text = f"{quoted(root)} is in no known layout of NYU-v2. Looked for {_LOOKED_FOR}. Found {found}."
    within = next((entry for entry in entries[:100] if entry.is_dir() and _told(entry)), None)
    return text if within is None else f"{text} Did you mean data.root={within}, which looks like {_told(within)}?"
