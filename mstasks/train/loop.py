"""The training loop: steps, the log, validation, checkpoints, and stopping on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.distributed import any_rank, rank, world
from mstasks.errors import Interrupted
from mstasks.recipe.model import Recipe
from mstasks.runfolder import RunFolder
from mstasks.sparsity.snapshot import take_snapshot
from mstasks.train.checkpoint import save_checkpoint
from mstasks.train.progress import Reporter
from mstasks.train.state import TrainState
from mstasks.train.step import StepResult, train_step
from mstasks.train.stopping import StopRequest

Validate = Callable[[TrainState], float]
"""Scores the network on the validation split, logs the scores, and returns the selection score."""


def train(
    recipe: Recipe,
    state: TrainState,
    tasks: Mapping[str, BoundTask],
    batches: Iterator[Batch],
    validate: Validate,
    run: RunFolder,
    reporter: Reporter,
) -> None:
    """Train from `state.step` to the recipe's last step.

    Args:
        recipe: The recipe.
        state: Fresh or restored.
        tasks: Tasks by name.
        batches: Train batches from `state.step` on.
        validate: See `Validate`.
        run: Where to log and save.
        reporter: What the user sees.

    Raises:
        Interrupted: On the first Ctrl-C or SIGTERM, after saving.
        NonFiniteError: See `train_step`.
    """
    window, began = _Window(), time.monotonic() - state.seconds
    every = recipe.run.evaluate_every or max(1, recipe.optim.steps // 10)
    with StopRequest() as stop:
        for batch in batches:
            result = train_step(state, batch, tasks, recipe.optim)
            window.add(result, len(batch) * world())
            _tell(result.notes, state.step, run, reporter)
            state.seconds = time.monotonic() - began
            reporter.step(state.step)
            last = state.step == recipe.optim.steps
            if last or state.step % recipe.run.log_every == 0:
                window.flush(state, run, reporter)
            if last or state.step % every == 0:
                window.pause()
                _validate_and_save(state, validate, run, last=last)
                window.resume()
            if any_rank(stop.requested, state.device) and not last:
                if rank() == 0:
                    save_checkpoint(run.checkpoints, state, best=False)
                raise Interrupted(f"stopped at step {state.step} of {recipe.optim.steps}; saved.")


def _validate_and_save(state: TrainState, validate: Validate, run: RunFolder, *, last: bool) -> None:
    """The best checkpoint is one whose structure is final and meets the target; the last one if there is none."""
    if rank() != 0:  # the others wait in the next step's exchange
        return
    if state.strength is not None:
        state.strength.part.settle(state.averaged)
    score = validate(state)
    eligible = state.strength is None or state.strength.settled
    best = eligible and (state.best_score is None or score > state.best_score)
    if best or (last and state.best_score is None):
        best = True
        state.best_score, state.best_step = score, state.step
    save_checkpoint(run.checkpoints, state, best=best)


def _tell(notes: Sequence[str], step: int, run: RunFolder, reporter: Reporter) -> None:
    for note in notes if rank() == 0 else ():
        reporter.say(f"warning: {note}")
        run.log({"step": step, "event": "warning", "text": note})


@dataclass(slots=True)
class _Window:
    """Sums since the last logged row, kept on the device so that logging does not wait for every step."""

    totals: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, Tensor] = field(default_factory=dict)
    norm: Tensor | None = None
    images: int = 0
    seconds: float = 0.0
    since: float = field(default_factory=time.monotonic)
    warned: set[str] = field(default_factory=set)

    def add(self, result: StepResult, images: int) -> None:
        for name, loss in result.losses.items():
            if not result.skipped:
                self.totals[name] = self.totals.get(name, 0) + loss * result.counts[name]
                self.counts[name] = self.counts.get(name, 0) + result.counts[name]
        self.norm = result.gradient_norm
        self.images += images

    def pause(self) -> None:
        self.seconds += time.monotonic() - self.since

    def resume(self) -> None:
        self.since = time.monotonic()

    def flush(self, state: TrainState, run: RunFolder, reporter: Reporter) -> None:
        """Write the row: mean loss over the labelled examples, NaN for a task without any."""
        self.pause()
        losses = {name: _mean(total, self.counts[name]) for name, total in self.totals.items()}
        speed = self.images / max(self.seconds, 1e-9)
        row = {"step": state.step, "split": "train", "loss": losses, "lr": state.optimizer.param_groups[0]["lr"]}
        live = ""
        if state.strength is not None:
            snapshot = take_snapshot(state.strength)
            row, live = {**row, "sparsity": snapshot.row()}, snapshot.live()
            self._warn(snapshot.readings.warnings, state.step, run, reporter)
        if rank() == 0:
            norm = float("nan") if self.norm is None else float(self.norm)
            run.log({**row, "gradient_norm": norm, "images_per_second": round(speed, 2), "skipped": state.skipped})
        reporter.losses(state.step, losses, speed, live)
        self.totals, self.counts, self.images, self.seconds = {}, {}, 0, 0.0
        self.resume()

    def _warn(self, sentences: Sequence[str], step: int, run: RunFolder, reporter: Reporter) -> None:
        _tell([sentence for sentence in sentences if sentence not in self.warned], step, run, reporter)
        self.warned.update(sentences)


def _mean(total: Tensor, count: Tensor) -> float:
    labelled = int(count)
    return float(total) / labelled if labelled else float("nan")
