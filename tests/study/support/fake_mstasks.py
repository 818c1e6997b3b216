"""Stands for `mstasks fit`, `adapt` and `bench`: writes run folders in no time, and misbehaves as FAKE says.

FAKE is JSON: ``fail``, ``hang`` and ``stop`` list parts of the path of a run that fail, wait for a signal after a
checkpoint, or end as interrupted. ``without`` maps such parts to a task of which the run has no score. Of adaptations,
``lost`` has no score of the last draw, ``keep`` was to keep depth, and ``same_images`` are the same in all draws.
Scores follow from the options alone: mIoU 0.3 + 0.01 * seed + lr, 0.05 + 0.003 * seed^2 more of a
sparse recipe, RMSE 1 - mIoU.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import yaml

BEHAVIOUR = json.loads(os.environ.get("FAKE", "{}"))


def main(arguments: list[str]) -> int:
    verb, rest = arguments[0], arguments[1:]
    with Path(os.environ["FAKE_CALLS"]).open("a", encoding="utf-8") as calls:
        calls.write(json.dumps({"call": arguments, "threads": os.environ.get("OMP_NUM_THREADS")}) + "\n")
    return {"fit": fit, "adapt": adapt, "bench": bench}[verb](rest)


def option(arguments: list[str], name: str, default: str = "") -> str:
    return arguments[arguments.index(name) + 1] if name in arguments else default


def fit(arguments: list[str]) -> int:
    if "--resume" in arguments:
        run = Path(option(arguments, "--resume"))
        keys = json.loads((run / "resolved.yaml").read_text())
        keys["resumed"] = True
    else:
        recipe = yaml.safe_load(Path(arguments[0]).read_text())
        keys = flat(recipe) | dict(text.split("=", 1) for text in arguments if "=" in text)
        run = new_run(Path(option(arguments, "--out")))
        (run / "resolved.yaml").write_text(json.dumps(keys))
    print(f"run: {run}", flush=True)
    if any(part in str(run) for part in BEHAVIOUR.get("fail", ())):
        print("a line before\nthe loss is not finite at step 3", file=sys.stderr)
        return 1
    if any(part in str(run) for part in BEHAVIOUR.get("hang", ())):
        return hang(run)
    if any(part in str(run) for part in BEHAVIOUR.get("stop", ())):
        return 75
    write(run, keys)
    return 0


def flat(recipe: dict[str, object], start: str = "") -> dict[str, object]:
    """Values by dotted key."""
    found: dict[str, object] = {}
    for key, value in recipe.items():
        found |= flat(value, f"{start}{key}.") if isinstance(value, dict) else {f"{start}{key}": value}
    return found


def hang(run: Path) -> int:
    stopped = []
    signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
    (run / "hangs").touch()
    while not stopped:
        time.sleep(0.01)
    time.sleep(0.1)  # a second signal would be seen
    (run / "signals").write_text(str(len(stopped)))
    print("stopped at step 1 of 2; saved.", file=sys.stderr)
    return 75


def new_run(out: Path) -> Path:
    number = 1 + len(list(out.glob("fake/*")))
    run = out / "fake" / f"{number:03d}"
    run.mkdir(parents=True)
    return run


def write(run: Path, keys: dict[str, Any]) -> None:
    sparse = 0.05 + 0.003 * int(keys["seed"]) ** 2 if keys.get("method") == "sparse" else 0.0
    miou = 0.3 + 0.01 * int(keys["seed"]) + float(keys.get("optim.lr", 0)) + sparse
    summary: dict[str, Any] = {
        "method": keys.get("method", "multi-task"),
        "seed": int(keys["seed"]),
        "seconds": 2.0,
        "parent": None,
        "best": {"step": 1, "gap_closed": float(keys.get("optim.lr", 0))},
        "tasks": {
            "segmentation": task("miou", True, {"miou": miou, "pixel_accuracy": 0.5, "miou/door": 0.1}),
            "depth": task("rmse", False, {"rmse": 1 - miou, "abs": None}),
        },
        "network": {"backbone": {"parameters": 100, "macs": 2_000_000}, "trunk": {"parameters": 10, "macs": 1_000_000}},
        "keys": keys,
    }
    for part, name in BEHAVIOUR.get("without", {}).items():
        if part in str(run):
            primary = summary["tasks"][name]["primary"]
            summary["tasks"][name]["test"][primary] = None
    if sparse:
        summary["sparsity"] = {
            **{"network_macs_compact": 1_500_000, "network_parameters_compact": 60},
            **{"scope": "shared", "macs_compact": 1_500_000, "macs_dense": 3_000_000},
        }
    (run / "summary.json").write_text(json.dumps(summary))


def task(primary: str, better: bool, values: dict[str, float | None]) -> dict[str, object]:
    return {"primary": primary, "higher_is_better": better, "test": values, "constant": values, "gap_closed": 0.1}


def adapt(arguments: list[str]) -> int:
    parent, name, shots = Path(arguments[0]), option(arguments, "--task"), int(option(arguments, "--shots"))
    old = json.loads((parent / "summary.json").read_text())
    run = new_run(Path(option(arguments, "--out")))
    (run / "resolved.yaml").write_text("{}")
    if any(part in str(run) for part in BEHAVIOUR.get("fail", ())):
        print("too few images", file=sys.stderr)
        return 2
    before = old["tasks"]["segmentation"]["test"]["miou"]
    draws: list[dict[str, Any]] = [
        {
            "draw": draw,
            "support": [f"image-{0 if BEHAVIOUR.get('same_images') else draw}-{i}" for i in range(shots)],
            "scores": {
                "adapted": {"mean": 50 - 10 * before - shots / 10 + draw * (1 + before)},
                "ridge": {"mean": 52 - shots / 10 + draw},
            },
            "seconds": 1.0,
        }
        for draw in range(int(option(arguments, "--draws")))
    ]
    if any(part in str(run) for part in BEHAVIOUR.get("lost", ())):
        draws[-1]["scores"]["adapted"]["mean"] = None
    kept = any(part in str(run) for part in BEHAVIOUR.get("keep", ()))
    summary = {
        **{key: old[key] for key in ("method", "seed", "network")},
        "seconds": 1.0,
        "parent": "../001",
        "tasks": {**old["tasks"], name: task("mean", False, {"mean": 1.0})},
        "adapt": {
            **{"task": name, "shots": shots, "seconds": 3.0, "draws": draws},
            **{"seen_mode": "distill" if kept else "release", "seen": {"depth": {"after": {"rmse": 0.25}}}},
        },
    }
    (run / "summary.json").write_text(json.dumps(summary))
    return 0


def bench(arguments: list[str]) -> int:
    arm = {"backend": "channels_last", "batch": 1}
    arms = [
        {**arm, "network": "dense", "seconds": {"median": 0.004}},
        {**arm, "network": "compact", "seconds": {"median": 0.0025}},
    ]
    (Path(arguments[0]) / "bench.json").write_text(json.dumps({"arms": arms}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
