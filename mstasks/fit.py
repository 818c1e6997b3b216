"""Train a recipe: make the run folder, train, score the best checkpoint on test, write everything down."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mstasks.constant import fit_constants
from mstasks.device import make_repeatable
from mstasks.distributed import path_of_first, rank
from mstasks.errors import UsageError
from mstasks.evaluate import evaluate, score_constants, selection_score
from mstasks.experiment import Experiment
from mstasks.figures import draw_curves, draw_predictions
from mstasks.record import record
from mstasks.runfolder import RunFolder, finite, write_json
from mstasks.summary import merged_summary, run_summary
from mstasks.train.checkpoint import find_checkpoint, restore
from mstasks.train.loop import Validate, train
from mstasks.train.progress import Reporter
from mstasks.train.state import TrainState
from mstasks.trained import open_trained, score_network

if TYPE_CHECKING:
    from torch import Tensor

    from mstasks.recipe import LoadedRecipe

CONSTANT_IMAGES = 2000
"""The constant predictor is fitted on at most so many train images, a seeded choice."""


def start_run(loaded: LoadedRecipe, root: Path) -> RunFolder:
    """Make a run folder, one for all ranks, and write down what was asked, what it meant and on what."""
    if rank() != 0:
        return RunFolder(path_of_first(None))
    run = RunFolder.create(root, loaded.recipe.name)
    shutil.copyfile(loaded.path, run.path / "recipe.yaml")
    record(loaded, run)
    return RunFolder(path_of_first(run.path))


def fit(loaded: LoadedRecipe, run: RunFolder, console: Console, *, resume: bool = False) -> dict[str, Any]:
    """Train a recipe into a run folder.

    `method: single-task` with several tasks trains one network per task, each an ordinary run in ``tasks/<name>/``.

    Args:
        loaded: The recipe.
        run: Its folder, made by `start_run`.
        console: Where to show progress.
        resume: Go on from the last checkpoint; runs that are complete are left as they are.

    Returns:
        The summary, as in summary.json; empty on ranks other than 0, which only train.
    """
    if run.summary.is_file():
        return run.read_summary()
    parts = split_by_network(loaded)
    if len(parts) > 1:
        summary = _fit_each(parts, run, console, resume=resume)
    else:
        summary = _fit_one(Experiment(loaded), run, console, resume=resume)
    if rank() != 0:
        return {}
    write_json(run.summary, finite(summary))
    return run.read_summary()


def split_by_network(loaded: LoadedRecipe) -> dict[str, LoadedRecipe]:
    """The recipe of each network that a recipe trains: one per task under `method: single-task`, else itself."""
    recipe = loaded.recipe
    if recipe.method != "single-task":
        return {recipe.name: loaded}
    return {
        name: replace(loaded, recipe=recipe.model_copy(update={"tasks": {name: entry}}))
        for name, entry in recipe.tasks.items()
    }


def _fit_each(parts: Mapping[str, LoadedRecipe], run: RunFolder, console: Console, *, resume: bool) -> dict[str, Any]:
    summaries = {}
    for name, alone in parts.items():
        child = run.child(name)
        if rank() == 0 and not child.recipe.is_file():
            record(alone, child)
        console.print(f"task {name}: {child.path}", highlight=False, soft_wrap=True, markup=False)
        summaries[name] = fit(alone, child, console, resume=resume)
    return merged_summary(summaries) if rank() == 0 else {}


def _fit_one(experiment: Experiment, run: RunFolder, console: Console, *, resume: bool) -> dict[str, Any]:
    recipe = experiment.recipe
    make_repeatable(experiment.device)
    going_on = resume and (run.checkpoints / "index.json").is_file()
    network, weighting = experiment.build_network(pretrained=not going_on), experiment.build_weighting()
    state = TrainState.create(network, weighting, recipe.optim, experiment.device)
    if going_on:
        restore(find_checkpoint(run.checkpoints, "last"), state)
        if rank() == 0:
            run.log({"step": state.step, "event": "resumed"})
    batches = experiment.train_batches(state.step)
    with Reporter(recipe.optim.steps, state.step, _log_file(run), console) as reporter:
        validate = _validation(experiment, run, reporter)
        train(recipe, state, experiment.tasks, batches, validate, run, reporter)
    if rank() != 0:
        return {}
    began = time.monotonic()
    trained, best = open_trained(run)
    scores = score_network(trained, best, run, "test")
    draw_predictions(trained, best, run.predictions)
    draw_curves(run)
    return run_summary(trained, state, best, scores, seconds=state.seconds + time.monotonic() - began)


def _log_file(run: RunFolder) -> Path:
    return run.path / "log.txt" if rank() == 0 else Path(os.devnull)


def _constants(experiment: Experiment) -> dict[str, Tensor]:
    ids = list(experiment.ids("train"))
    if len(ids) > CONSTANT_IMAGES:
        ids = random.Random(0).sample(ids, CONSTANT_IMAGES)
    constants = fit_constants(experiment.tasks, (batch.targets for batch in experiment.batches("train", ids)))
    for name, bound in experiment.tasks.items():
        if name not in constants:
            raise UsageError(
                f"task {name!r}: none of {len(ids)} train images has a label for {bound.target!r}. "
                "Check where the data set looks for them, or take the task out of the recipe."
            )
    return constants


def _validation(experiment: Experiment, run: RunFolder, reporter: Reporter) -> Validate:
    if rank() != 0:
        return lambda _: 0.0
    constants = _constants(experiment)
    write_json(run.path / "constants.json", {name: value.tolist() for name, value in constants.items()})
    write_json(run.path / "splits.json", {split: list(experiment.ids(split)) for split in ("val", "test")})
    reference = score_constants(experiment.tasks, constants, experiment.batches("val"))
    precision = experiment.recipe.optim.precision

    def validate(state: TrainState) -> float:
        batches = experiment.batches("val")
        scores = evaluate(state.evaluated, experiment.tasks, batches, reference, experiment.device, precision)
        score = selection_score(scores)
        values = {name: task.values for name, task in scores.items()}
        run.log({"step": state.step, "split": "val", "score": score, "tasks": values})
        shown = "  ".join(f"{name} {task.primary} {task.values[task.primary]:.4g}" for name, task in scores.items())
        reporter.say(f"step {state.step}  validation: {shown}  gap closed {score:.1%}")
        return score

    return validate
