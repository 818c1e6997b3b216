"""The command line of each job."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mstasks.study.arms import StudyArm
from mstasks.study.job import Job
from mstasks.study.recipes import ArmRecipes
from mstasks.study.references import fill
from mstasks.study.snapshot import references, snapshot

MSTASKS = (sys.executable, "-m", "mstasks")
"""How mstasks is started."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Makes command lines.

    Attributes:
        recipes: Where the recipes of arms are.
        program: How mstasks is started.
    """

    recipes: ArmRecipes
    program: tuple[str, ...] = MSTASKS

    def fit(self, arm: StudyArm, job: Job, values: Iterable[str], run_of: Callable[[str], str], out: Path) -> list[str]:
        """Train an arm, with a copy of its recipe that is written into the folder.

        Args:
            arm: The arm.
            job: Says with which seed.
            values: Overrides that are tried, or that tuning has chosen.
            run_of: The run of another arm.
            out: Where the run folder is made.
        """
        loaded, recipe = self.recipes.load(arm, values), out / "recipe.yaml"
        recipe.write_text(snapshot(loaded), encoding="utf-8")
        runs = references(loaded, arm, run_of)
        return [*self.program, "fit", str(recipe), *runs, f"seed={job.seed}", "--out", str(out)]

    def resume(self, run: Path) -> list[str]:
        """Go on with an interrupted run."""
        return [*self.program, "fit", "--resume", str(run)]

    def adapt(self, arm: StudyArm, job: Job, run_of: Callable[[str], str], out: Path) -> list[str]:
        """Adapt the network of another arm; arguments as for `fit`."""
        assert arm.adapts is not None  # only such an arm has shots
        assert arm.task is not None
        numbers = ["--shots", str(job.shots), "--draws", str(arm.draws)]
        own = [fill(override.text, run_of) for override in arm.own]
        # The others are in the recipe of the run that is adapted; those of the command line come last here too.
        own += [text for text in self.recipes.overrides if text.strip().startswith("adapt.")]
        parent = run_of(arm.adapts)
        return [
            *self.program,
            "adapt",
            parent,
            *own,
            "--task",
            arm.task,
            *numbers,
            "--out",
            str(out),
            "--json",
        ]

    def bench(self, run: Path) -> list[str]:
        """Time the networks of a run, one image at once."""
        return [*self.program, "bench", str(run), "--batch", "1", "--backend", "channels_last", "--json"]


def environment(parallel: int) -> dict[str, str]:
    """The environment of this process, with its threads divided among jobs that run at once.

    Args:
        parallel: How many do. Alone, a job is left to choose.
    """
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if parallel == 1:
        return unbuffered
    given = os.environ.get("OMP_NUM_THREADS", "")
    threads = max(1, (int(given) if given.isdigit() else processors()) // parallel)
    return {**unbuffered, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def processors() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
