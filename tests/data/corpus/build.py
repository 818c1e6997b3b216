"""Builds the corpus: `python build.py FOLDER` writes an NYUD_MT folder, loose files, truths, and a list of the cases."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import numpy as np
from case import Case
from depths import DEPTH, NORMALS, arrays, npy
from labels import LABELS, label_pictures
from lists import lists, names, places
from photographs import SCENE, photographs, saved

FOLDERS = {"image": ("images", ".jpg"), "segmentation": ("segmentation", ".png"), "depth": ("depth", ".npy"), "normals": ("normals", ".npy")}  # fmt: skip
GOOD = {
    "image": saved(SCENE, format="PNG"),
    "segmentation": saved(LABELS, format="PNG"),
    "depth": npy(DEPTH),
    "normals": npy(NORMALS),
}


def cases(root: Path) -> list[Case]:
    """All cases, each with a name of its own."""
    found = [*photographs(), *label_pictures(), *arrays(root / "sentinel"), *lists(), *places(), *names()]
    seen = {case.name for case in found}
    assert len(seen) == len(found), "two cases have one name"
    return found


def where(root: Path, case: Case) -> Path:
    if case.file is not None:
        return root / "names" / os.fsdecode(case.file)
    if case.part == "ids":
        return root / "lists" / case.name / "gt_sets" / "val.txt"
    folder, suffix = FOLDERS[case.part]
    return root / "data" / folder / f"{case.name}{suffix}"


def put(case: Case, path: Path) -> str | None:
    """Write the file, or make something else in its place; gives the reason if that cannot be done here."""
    if isinstance(case.content, bytes):
        path.write_bytes(case.content)
        return None
    if case.content == "folder":
        path.mkdir()
    elif case.content == "pipe":
        os.mkfifo(path)
    elif case.content == "socket":
        os.chdir(path.parent)  # the path of a socket must be short
        socket.socket(socket.AF_UNIX).bind(path.name)
    elif case.content == "forbidden":
        path.write_bytes(GOOD[case.part])
        path.chmod(0)
        return "root may read everything" if os.geteuid() == 0 else None
    elif case.content != "missing":
        links = {"device": "/dev/zero", "loop": path.name, "dangling": "nowhere", "linked": f"good{path.suffix}"}
        path.symlink_to(links[case.content])
    return None


def build(root: Path) -> list[dict[str, object]]:
    for folder in ("data/gt_sets", "names", "lists", *(f"data/{folder}" for folder, _ in FOLDERS.values())):
        (root / folder).mkdir(parents=True)
    for part, (folder, suffix) in FOLDERS.items():
        (root / "data" / folder / f"good{suffix}").write_bytes(GOOD[part])
    found, manifest = cases(root), []
    for case in found:
        path = where(root, case)
        if case.part == "ids" and case.sample:
            (path.parent.parent / "images").mkdir(parents=True)
            path.parent.mkdir()
            (path.parent / "train.txt").write_text("t1\nt2\n")
        elif case.sample:
            other = "segmentation" if case.part == "image" else "image"
            folder, suffix = FOLDERS[other]
            (root / "data" / folder / f"{case.name}{suffix}").write_bytes(GOOD[other])
        skipped = put(case, path)
        if case.truth is not None:
            np.save(root / "truth" / f"{case.name}.npy", case.truth)
        manifest.append(
            {"name": case.name, "part": case.part, "path": str(path), "reader": case.reader, "sample": case.sample, "truth": case.truth is not None, "tolerance": case.tolerance, "skipped": skipped}
        )  # fmt: skip
    samples = [case.name for case in found if case.sample and case.part != "ids"]
    (root / "data" / "gt_sets" / "val.txt").write_text("\n".join(["good", *samples]))
    (root / "data" / "gt_sets" / "train.txt").write_text("t1\nt2\n")
    return manifest


if __name__ == "__main__":
    top = Path(sys.argv[1])
    (top / "truth").mkdir(parents=True)
    (top / "cases.json").write_text(json.dumps(build(top)))
