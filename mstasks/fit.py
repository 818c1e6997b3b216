"""Train a recipe: make the run folder, train, score the best checkpoint on test, write everything down."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mstasks.device import make_repeatable
from mstasks.distributed import path_of_first, rank
from mstasks.experiment import Experiment
from mstasks.figures import draw_curves, draw_predictions
from mstasks.record import record
from mstasks.runfolder import RunFolder, finite, write_json
from mstasks.sparsity.advice import advice
from mstasks.sparsity.pictures import draw_sparsity
from mstasks.sparsity.record import read_record, write_record
from mstasks.summary import merged_summary, run_summary
from mstasks.train.checkpoint import find_checkpoint, restore
from mstasks.train.loop import train
from mstasks.train.progress import Reporter
from mstasks.train.state import TrainState
from mstasks.trained import open_trained, score_network
from mstasks.validation import validation

if TYPE_CHECKING:
    from mstasks.recipe import LoadedRecipe


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
    state = experiment.build_state(pretrained=not going_on)
    if going_on:
        restore(find_checkpoint(run.checkpoints, "last"), state)
        if rank() == 0:
            run.log({"step": state.step, "event": "resumed"})
    batches = experiment.train_batches(state.step)
    with Reporter(recipe.optim.steps, state.step, _log_file(run), console) as reporter:
        validate = validation(experiment, run, reporter)
        train(recipe, state, experiment.tasks, batches, validate, run, reporter)
    return _conclude(run, state) if rank() == 0 else {}


def _conclude(run: RunFolder, state: TrainState) -> dict[str, Any]:
    """Score the best checkpoint on test, draw, and sum up."""
    began = time.monotonic()
    experiment, best = open_trained(run)
    scores = score_network(experiment, best, run, "test")
    draw_predictions(experiment, best, run.predictions)
    draw_curves(run)
    if state.strength is not None:
        write_record(run, state.strength, best)
        draw_sparsity(run)
    summary = run_summary(experiment, state, best, scores, run, seconds=state.seconds + time.monotonic() - began)
    return {**summary, "advice": _advice(experiment, run, summary)}


def _advice(experiment: Experiment, run: RunFolder, summary: dict[str, Any]) -> list[str]:
    sparsity, structure = experiment.recipe.sparsity, read_record(run)
    if sparsity is None or structure is None:
        return []
    reference = None if sparsity.reference is None else RunFolder.open(sparsity.reference).read_summary()
    return advice(structure, summary, reference)


def _log_file(run: RunFolder) -> Path:
    return run.path / "log.txt" if rank() == 0 else Path(os.devnull)
