"""A folder in which small studies are written and run by a program that stands for mstasks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mstasks.study.job import Job, Plan
from mstasks.study.load import LoadedStudy, load_study
from mstasks.study.outcome import Status
from mstasks.study.results import Results
from mstasks.study.study import run_study

FAKE = (sys.executable, str(Path(__file__).parent / "fake_mstasks.py"))

RECIPE = """\
name: tiny
data: {dataset: scenes, size: [32, 32], train: 16, val: 8, test: 8, batch_size: 8}
backbone: {model: test_resnet}
tasks: {segmentation: {}, depth: {}}
optim: {steps: 4}
"""
STUDY = """\
name: small
recipe: base.yaml
seeds: [0, 1]
arms:
  dense:
  sparse: {overrides: [method=sparse, "sparsity={strength: priced, target: {macs: 0.5}}"]}
compare: {baseline: dense, select: val}
"""
TUNED = STUDY.replace("  dense:", "  dense: {tune: {optim.lr: [1e-3, 3e-3]}}")


@dataclass
class Bench:
    """A folder with a recipe, in which study files are written and run.

    Attributes:
        folder: Where everything lies.
        told: Lines for the user.
    """

    folder: Path
    told: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "runs" / "small"

    def write(self, text: str = STUDY) -> Path:
        path = self.folder / "a.study.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def load(self, text: str = STUDY, overrides: Sequence[str] = ()) -> LoadedStudy:
        return load_study(self.write(text), overrides)

    def plan(self, text: str = STUDY, seeds: tuple[int, ...] = (), overrides: Sequence[str] = ()) -> Plan:
        loaded = self.load(text, overrides)
        return Plan(loaded, tuple(dict.fromkeys([*loaded.study.seeds, *seeds])))

    def run(self, plan: Plan, wanted: Sequence[Job] | None = None, **options: Any) -> Results:
        jobs = [job for job in plan.jobs if not job.trial] if wanted is None else wanted
        return run_study(plan, jobs, self.root, tell=self.told.append, program=FAKE, **options)

    def calls(self) -> list[dict[str, Any]]:
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def labels(bench: Bench) -> list[str]:
    """What was run, as folders below that of the study."""
    made = []
    for call in bench.calls():
        words = call["call"]
        path = words[words.index("--out" if "--out" in words else "--resume") + 1]
        made.append(f"{words[0]} {Path(path).relative_to(bench.root)}")
    return made


def statuses(results: Results) -> dict[str, Status]:
    return {job.label: outcome.status for job, outcome in results.state.outcomes.items()}
