"""What a folder is labelled with: what its recipe says. Imports neither numpy nor torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mstasks import TargetInfo, TargetKind
from mstasks_folder.kinds import AttributeTable
from mstasks_folder.label_map import LabelMap

if TYPE_CHECKING:
    from mstasks_folder.kinds import TargetOptions
    from mstasks_folder.options import FolderOptions


def targets(options: FolderOptions) -> Mapping[str, TargetInfo]:
    """The targets that the recipe declares, by name; no file is read."""
    return {name: _info(declared) for name, declared in options.targets.items()}


def _info(declared: TargetOptions) -> TargetInfo:
    kind = TargetKind(declared.kind)
    if isinstance(declared, LabelMap):
        return TargetInfo(kind, declared.classes, declared.pairs, tuple((declared.colours or {}).values()))
    if isinstance(declared, AttributeTable):
        return TargetInfo(kind, declared.columns)
    return TargetInfo(kind)
