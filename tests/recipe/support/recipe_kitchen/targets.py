"""Targets of the test data sets."""

from __future__ import annotations

from collections.abc import Mapping

from mstasks import Options, TargetInfo, TargetKind
from recipe_kitchen.options import ToyOptions


def of_toy(options: ToyOptions) -> Mapping[str, TargetInfo]:
    labels = TargetInfo(TargetKind.LABEL_MAP, names=tuple(f"class {index}" for index in range(options.classes)))
    return {"labels": labels, "depth": TargetInfo(TargetKind.DEPTH_MAP), "plain": TargetInfo(TargetKind.SCALAR_MAP)}


def of_bare(options: Options | None) -> Mapping[str, TargetInfo]:
    return {"depth": TargetInfo(TargetKind.DEPTH_MAP)}


def of_mute(options: None) -> Mapping[str, TargetInfo]:
    raise RuntimeError("the disk is on holiday")


def of_vague(options: None) -> list[str]:
    return ["depth"]
