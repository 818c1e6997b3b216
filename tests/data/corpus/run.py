"""Reads cases of the corpus: `python run.py FOLDER FIRST` appends what became of each, from the first on, to results.jsonl.

A line says which case begins, so that a crash is known by its case; a case that takes too long ends the process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from mstasks import TargetInfo, read_array, read_ids, read_image, read_picture
from mstasks.data.loader import eval_batches
from mstasks.data.pipeline import Pipeline
from mstasks.data.prepared import prepared
from mstasks.data.reduced import decoding_size
from mstasks_nyuv2.dataset import NYUv2
from mstasks_nyuv2.options import NYUv2Options
from mstasks_nyuv2.targets import targets

SIZE = (48, 64)
SECONDS, MEBIBYTES = 5, 512
READERS = {"image": read_image, "segmentation": read_picture, "ids": read_ids}

Found = tuple[str, str, Any]
"""An outcome, the text of the error, and what was read."""


def attempt(read: Any) -> Found:
    """Used, refused, or the name of an error that must not be."""
    try:
        return "used", "", read()
    except ValueError as error:
        return "refused", str(error), None
    except Exception as error:
        return f"{type(error).__name__}", str(error), None


def dataset(root: Path) -> NYUv2:
    made = NYUv2(NYUv2Options(root=root, classes=40), SIZE)
    made.at_least = decoding_size((), SIZE)
    return made


def sampled(made: NYUv2, infos: dict[str, TargetInfo], case: dict[str, Any]) -> Any:
    """What training gets: the image, or value and validity of the label."""
    part = "segmentation" if case["part"] == "image" else case["part"]
    wanted = {part: infos[part]}
    data = prepared(made, wanted, SIZE, ())
    data.load(case["name"], (part,))  # here, any other error would still be seen
    batch = next(eval_batches(data, [case["name"]], Pipeline((), wanted, SIZE), wanted, 1))
    if case["part"] == "image":
        return batch.images[0].numpy().transpose(1, 2, 0)
    target = batch.targets[part]
    return target.value[0].numpy(), target.valid[0].numpy()


def expected(part: str, truth: Any) -> tuple[Any, Any]:
    """A label and its validity, by what docs/data.md says of the files."""
    if part == "segmentation":
        valid = (truth != 0) & (truth != 255)
        return np.where(valid, truth.astype(int) - 1, 0), valid
    if part == "depth":
        metres = truth.reshape(SIZE).astype(np.float32)
        valid = np.isfinite(metres) & (metres > 0)
        return np.where(valid, metres, 0), valid
    vectors = truth.astype(np.float64)
    length = np.sqrt((vectors**2).sum(2))
    valid = np.isfinite(length) & (length > 0.1)
    return np.where(valid[..., None], vectors / np.where(valid, length, 1)[..., None], 0).transpose(2, 0, 1), valid


def away(found: Any, truth: Any) -> float:
    """Mean difference of two arrays; infinite if they have different shapes."""
    one, other = np.asarray(found), np.asarray(truth)
    if one.shape != other.shape:
        return float("inf")
    if one.dtype.kind == "U":
        return 0.0 if np.array_equal(one, other) else float("inf")
    if np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f"):
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.nan_to_num(np.abs(one.astype(np.float64) - other.astype(np.float64)).mean(), nan=np.inf))


def sample_away(case: dict[str, Any], got: Any, truth: Any) -> float:
    if case["part"] in ("image", "ids"):
        return away(got, truth) if case["part"] == "image" and truth.shape[:2] == SIZE else 0.0
    if truth.shape[:2] != SIZE:
        return 0.0
    value, valid = expected(case["part"], truth)
    # A label's value means nothing where it is not valid; what is rounded to float32 may differ in its last bit.
    seen = np.broadcast_to(got[1], got[0].shape)
    difference = away(got[0][seen], np.asarray(value).reshape(got[0].shape)[seen])
    return away(got[1].squeeze(), valid) + (0.0 if difference < 1e-6 else difference)


def judged(root: Path, case: dict[str, Any], data: NYUv2, infos: dict[str, TargetInfo]) -> dict[str, Any]:
    path = Path(case["path"])
    read = READERS.get(case["part"], read_array)
    result: dict[str, Any] = {"name": case["name"]}
    truth = np.load(root / "truth" / f"{case['name']}.npy") if case["truth"] else None
    result["reader"], result["reader_text"], got = attempt(lambda: read(path))
    result["reader_away"] = away(got, truth) if result["reader"] == "used" and truth is not None else 0.0
    if case["part"] == "image":
        result["reduced"] = attempt(lambda: read_image(path, (6, 8)))[0]
    if case["sample"]:
        make = (lambda: dataset(path.parent.parent).ids("test")) if case["part"] == "ids" else None
        result["sample"], result["sample_text"], got = attempt(make or (lambda: sampled(data, infos, case)))
        result["sample_away"] = 0.0
        if result["sample"] == "used" and truth is not None:
            result["sample_away"] = sample_away(case, got, truth)
    return result


def memory(name: str) -> int:
    """An entry of this process's status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main(root: Path, first: int) -> None:
    cases = json.loads((root / "cases.json").read_text())
    data = dataset(root / "data")
    infos = dict(targets(NYUv2Options(root=root / "data", classes=40)))
    with (root / "results.jsonl").open("a", buffering=1) as results:
        for part in ("image", "segmentation", "depth", "normals"):  # what is loaded on first use counts for no case
            sampled(data, infos, {"name": "good", "part": part})
        resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") * 1024 + (MEBIBYTES << 20), resource.RLIM_INFINITY))
        for number in range(first, len(cases)):
            case = cases[number]
            if case["skipped"]:
                continue
            results.write(json.dumps({"begins": number}) + "\n")
            Path("/proc/self/clear_refs").write_text("5")  # the peak is that of this case
            before, start = memory("VmRSS"), time.perf_counter()
            signal.alarm(SECONDS)
            result = judged(root, case, data, infos)
            signal.alarm(0)
            result |= {"seconds": time.perf_counter() - start, "mebibytes": (memory("VmHWM") - before) / 1024}
            results.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    os.chdir(sys.argv[1])  # what is written to the working directory is seen, too
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    main(Path(sys.argv[1]), int(sys.argv[2]))
