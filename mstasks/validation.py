"""Validation during training: the constant predictor once, norm statistics and scores every time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from mstasks.constant import fit_constants
from mstasks.distributed import rank
from mstasks.errors import UsageError
from mstasks.evaluate import evaluate, score_constants, selection_score
from mstasks.experiment import Experiment
from mstasks.runfolder import RunFolder, write_json
from mstasks.sparsity.record import write_record
from mstasks.train.loop import Validate
from mstasks.train.plain import PlainUpdate
from mstasks.train.progress import Reporter
from mstasks.train.recalibrate import recalibrate
from mstasks.train.state import TrainState

if TYPE_CHECKING:
    from torch import Tensor

CONSTANT_IMAGES = 2000
"""The constant predictor is fitted on at most so many train images, a seeded choice."""
RECALIBRATION_IMAGES = 256
"""Norm statistics are taken anew from so many train images, a seeded choice, where training leaves them stale."""


def validation(experiment: Experiment, run: RunFolder, reporter: Reporter) -> Validate:
    """What the loop calls to score the network on the validation split; writes constants.json and splits.json."""
    if rank() != 0:
        return lambda _: 0.0
    constants = _constants(experiment)
    write_json(run.path / "constants.json", {name: value.tolist() for name, value in constants.items()})
    write_json(run.path / "splits.json", {split: list(experiment.ids(split)) for split in ("val", "test")})
    reference = score_constants(experiment.tasks, constants, experiment.batches("val"))
    precision = experiment.recipe.optim.precision

    def validate(state: TrainState) -> float:
        _refresh_norms(experiment, state)
        batches = experiment.batches("val")
        scores = evaluate(state.evaluated, experiment.tasks, batches, reference, experiment.device, precision)
        score = selection_score(scores)
        values = {name: task.values for name, task in scores.items()}
        run.log({"step": state.step, "split": "val", "score": score, "tasks": values})
        shown = "  ".join(f"{name} {task.primary} {task.values[task.primary]:.4g}" for name, task in scores.items())
        reporter.say(f"step {state.step}  validation: {shown}  gap closed {score:.1%}")
        if state.strength is not None:
            write_record(run, state.strength, state.evaluated)
        return score

    return validate


def _refresh_norms(experiment: Experiment, state: TrainState) -> None:
    """Running statistics lag behind weights that lose channels, and episodes do not keep them."""
    if isinstance(state.update, PlainUpdate) and state.strength is None:
        return
    batches = experiment.batches("train", _some_ids(experiment, RECALIBRATION_IMAGES))
    recalibrate(state.evaluated, batches, experiment.device, experiment.recipe.optim.precision)


def _some_ids(experiment: Experiment, limit: int) -> list[str]:
    ids = list(experiment.ids("train"))
    return random.Random(0).sample(ids, limit) if len(ids) > limit else ids


def _constants(experiment: Experiment) -> dict[str, Tensor]:
    ids = _some_ids(experiment, CONSTANT_IMAGES)
    constants = fit_constants(experiment.tasks, (batch.targets for batch in experiment.batches("train", ids)))
    for name, bound in experiment.tasks.items():
        if name not in constants:
            raise UsageError(
                f"task {name!r}: none of {len(ids)} train images has a label for {bound.target!r}. "
                "Check where the data set looks for them, or take the task out of the recipe."
            )
    return constants
