"""`mstasks adapt`: draw by draw, adapt copies of a run's network to a task and score them; the first draw's is kept."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mstasks.adapt.attach import Attached
from mstasks.adapt.grow import grow, refresh_norms, refuse_growth
from mstasks.adapt.parts import PartRow, part_rows
from mstasks.adapt.references import references
from mstasks.adapt.seen import Distilled, Rehearsed, Released, Seen
from mstasks.adapt.session import Session, ignore
from mstasks.adapt.sources import Source, baseline, own_source, reference_start
from mstasks.adapt.summary import adapted_summary
from mstasks.adapt.support import Support, draw_support
from mstasks.adapt.zeros import KeptZeros
from mstasks.constant import fit_constants
from mstasks.device import as_input, make_repeatable
from mstasks.errors import MstasksError, UsageError
from mstasks.evaluate import TaskScores, score_predictors
from mstasks.figures import draw_predictions
from mstasks.predictors import Predictor, constant_predictor, network_predictor
from mstasks.recipe import load_recipe
from mstasks.record import record
from mstasks.runfolder import RunFolder, finite, write_json
from mstasks.sibling import new_sibling
from mstasks.structure import write_structure
from mstasks.train.checkpoint import find_checkpoint, save_network
from mstasks.train.recalibrate import recalibrate
from mstasks.trained import read_constants

if TYPE_CHECKING:
    from torch import Tensor

    from mstasks.adapt.recipe import Plan
    from mstasks.bound import BoundTask
    from mstasks.experiment import Experiment
    from mstasks.macs import Cost
    from mstasks.network import Network

ADAPTED = "adapted"
"""The column of the run itself."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of support images, and what came of it.

    Attributes:
        number: From 0.
        support: Ids of the k images.
        scores: Test scores of the task by column: ``adapted``, ``ridge``, ``trivial``, and the baselines.
        seconds: Time that adapting took, scoring and baselines aside.
    """

    number: int
    support: tuple[str, ...]
    scores: Mapping[str, TaskScores]
    seconds: float


@contextmanager
def adapting(run: RunFolder, plan: Plan, out: Path | None = None) -> Iterator[Job]:
    """A job in a new run folder beside the run; the folder is removed again if the body fails.

    Raises:
        UsageError: If the run cannot be adapted so.
    """
    run.require_one_network("adapt")
    run.read_summary()
    if plan.recipe.adapt.grow:
        refuse_growth(run)
        _refuse_idle_growth(plan)
    job = Job(run, plan)
    # How this adaptation was done stands in the summary; it is not how the next one is to be done.
    recipe = plan.recipe.model_copy(update={"adapt": load_recipe(run.recipe).recipe.adapt})
    with new_sibling(run, out) as made:
        record(replace(plan.loaded, recipe=recipe), made)
        job.made = made
        yield job


def _refuse_idle_growth(plan: Plan) -> None:
    """Channels that come back are random; only training makes them worth their MACs."""
    phases = plan.strategy.phases(plan.recipe.adapt.shots)
    if not any(phase.rates.keys() & {"backbone", "trunk"} and not phase.norms_and_biases for phase in phases):
        raise UsageError(
            f"`adapt.grow` brings back channels that have to learn, and strategy "
            f"{plan.recipe.adapt.strategy.name!r} trains no weights of backbone and trunk. Take another strategy, such "
            "as head-first, or leave out `adapt.grow`."
        )


class Job:
    """The adaptation of a run to a task.

    Args:
        run: The run; left as it is.
        plan: What is to be done.

    Attributes:
        made: The new run folder.
        plan: What is to be done.
        parts: What of the network is trained, frozen and zero.
        before: Test scores before, by task, once the first draw is done: of the new task with its untrained head.
        after: Test scores of what is kept, by task, likewise.
        grown: Channels that came back, by part, with `adapt.grow`.
        failed: A sentence for each baseline that could not be adapted in a draw.
    """

    made: RunFolder

    def __init__(self, run: RunFolder, plan: Plan) -> None:
        self.plan, self._run = plan, run
        self._settings = plan.recipe.adapt
        self._source = own_source(plan, run)
        self._experiment.tasks  # noqa: B018 - what a task refuses is told before anything else is done
        self._baselines = [baseline(plan, name) for name in self._settings.baselines]
        self._started = {source.name: source.start() for source in (self._source, *self._baselines)}
        self._reference = reference_start(plan, run, self._start)
        self._kept: Network | None = None
        self._supports = [
            draw_support(self._experiment, self.bound, self._settings.shots, number)
            for number in range(self._settings.draws)
        ]
        self.parts = self._part_rows()
        self.before: dict[str, TaskScores] = {}
        self.after: dict[str, TaskScores] = {}
        self._constants: dict[str, Tensor] = {}
        self.grown: dict[str, int] = {}
        self.failed: list[str] = []
        self._done: list[Draw] = []

    @property
    def bound(self) -> BoundTask:
        """The task that is adapted to."""
        return self._experiment.tasks[self.plan.task]

    @property
    def dense(self) -> Mapping[str, Cost] | None:
        """What the network would cost by part with nothing removed; None if nothing was."""
        return self._start.dense

    @property
    def _experiment(self) -> Experiment:
        return self._source.experiment

    def draws(self) -> Iterator[Draw]:
        """Adapt to each draw of support images; the first one's network is kept, never the best by test."""
        make_repeatable(self._experiment.device)
        for number, ids in enumerate(self._supports):
            support = Support.of(self._experiment, ids, self._targets(), number, self._settings.hold_out)
            began = time.monotonic()
            network = self._adapted(self._source, support, number)
            seconds = time.monotonic() - began
            if number == 0:
                self._kept = network
                self._constants = self._fit_constants(support)
            scores = self._scores(network, support, number)
            self._done.append(Draw(number, ids, scores, seconds))
            yield self._done[-1]

    def conclude(self) -> dict[str, Any]:
        """Write the run of the first draw's network; the summary.

        Raises:
            ValueError: If no draw is done.
        """
        if self._kept is None:
            raise ValueError("There is nothing to conclude before a draw is done.")
        origin = find_checkpoint(self._run.checkpoints, "best")
        network = self._kept.cpu()
        save_network(self.made.checkpoints, network, origin)
        if self._start.structure is not None:
            write_structure(self.made.structure, self._start.structure)
        self._write_splits()
        draw_predictions(self._experiment, network.to(self._experiment.device), self.made.predictions)
        summary = adapted_summary(self, self._run, network.cpu(), self._done)
        write_json(self.made.summary, finite(summary))
        return self.made.read_summary()

    def _adapted(self, source: Source, support: Support, number: int) -> Network:
        """A copy of a source's network after it was adapted to a support set."""
        started = self._started[source.name]
        network = copy.deepcopy(started.network).to(source.experiment.device)
        own = source is self._source
        torch.manual_seed(support.seed)  # what is random in training must not depend on which baselines came before
        if own and self._settings.grow:
            self._grow(network, support, number)
        zeros = None if own and self._settings.grow else self._zeros(network, source)
        session = Session(
            network,
            source.experiment.tasks[self.plan.task],
            started.new | {f"heads.{self.plan.task}"},
            started.new,
            support,
            self._seen() if own else Released(),
            zeros,
            self.plan.recipe.optim.precision,
            self._log if own and number == 0 else ignore,
        )
        self.plan.strategy.adapt(session)
        if zeros is not None:
            zeros.apply()  # a strategy of another plugin may not have thought of it
        if "backbone" in started.new:
            # Statistics of a whole network, averaged over few steps, would say more of its first weights than of these.
            recalibrate(network, support.plain(support.trained_on), source.experiment.device, session.precision)
        return network.eval()

    def _grow(self, network: Network, support: Support, number: int) -> None:
        generator = torch.Generator().manual_seed(support.seed)
        grown = grow(network, self.plan.recipe.data.size, generator)
        if number == 0:
            self.grown = grown.channels
        device = self._experiment.device
        images = torch.cat([as_input(batch.images, device) for batch in support.plain(support.trained_on)])
        refresh_norms(network.eval(), grown.norms, images)

    def _zeros(self, network: Network, source: Source) -> KeptZeros:
        recipe = source.experiment.recipe
        groups = "channel" if recipe.sparsity is None else recipe.sparsity.groups
        new = {part.removeprefix("heads.") for part in self._started[source.name].new}
        return KeptZeros(network, recipe.data.size, groups, beside=new)

    @property
    def _held(self) -> dict[str, BoundTask]:
        """The seen tasks that something is done for."""
        seen = {name: bound for name, bound in self._experiment.tasks.items() if name != self.plan.task}
        return {} if self._settings.seen == "release" else seen

    def _seen(self) -> Seen:
        if not self._held:
            return Released()
        if self._settings.seen == "support":
            return Rehearsed(self._held, self._settings.seen_weight)
        teacher = copy.deepcopy(self._start.network).to(self._experiment.device)
        return Distilled(self._held, self._settings.seen_weight, teacher, self.plan.recipe.optim.precision)

    def _targets(self) -> set[str]:
        """Targets that the support images are read with."""
        rehearsed = self._experiment.tasks if self._settings.seen == "support" else {self.plan.task: self.bound}
        return {bound.target for bound in rehearsed.values()}

    @property
    def _start(self) -> Attached:
        return self._started[self._source.name]

    def _scores(self, network: Network, support: Support, number: int) -> dict[str, TaskScores]:
        """Score everything that a draw gave in one pass over the test split; the first draw scores all tasks."""
        tasks = self._experiment.tasks if number == 0 else {self.plan.task: self.bound}
        precision = self.plan.recipe.optim.precision
        alone = {self.plan.task: self.bound}
        start = copy.deepcopy(self._start.network).to(self._experiment.device)
        predictors: dict[str, Predictor] = {ADAPTED: network_predictor(network, tasks, precision)}
        before = copy.deepcopy(self._reference.network).to(self._experiment.device)
        predictors |= references(before, self.bound, support, precision, self._reference.new)
        for source in self._baselines:
            adapted = self._baseline(source, support, number)
            if adapted is not None:
                predictors[source.name] = network_predictor(adapted, alone, precision)
        if number == 0:
            predictors["before"] = network_predictor(start, tasks, precision)
            predictors["constant"] = constant_predictor(self._constants, tasks)
        batches = self._experiment.batches("test", targets={bound.target for bound in tasks.values()})
        found = score_predictors(predictors, tasks, batches, {}, self._experiment.device)
        if number == 0:
            constant, self.before = found.pop("constant"), found.pop("before")
            self.after = {
                name: replace(scores, constant=constant[name].values) for name, scores in found[ADAPTED].items()
            }
        scores = {column: scores[self.plan.task] for column, scores in found.items()}
        own = scores[ADAPTED]
        missing = replace(own, values=dict.fromkeys(own.values, math.nan))
        return {**scores, **{source.name: scores.get(source.name, missing) for source in self._baselines}}

    def _baseline(self, source: Source, support: Support, number: int) -> Network | None:
        """A baseline after it was adapted; None, and a sentence, if that failed, for the run itself has not."""
        try:
            return self._adapted(source, support, number)
        except MstasksError as error:
            self.failed.append(f"draw {number}: baseline {source.name!r} has no score: {error}")
            return None

    def _fit_constants(self, support: Support) -> dict[str, Tensor]:
        """The run's own constants, and the task's, of the support images: no other label may be looked at."""
        seen = read_constants(self._run) if len(self._experiment.tasks) > 1 else {}
        own = fit_constants({self.plan.task: self.bound}, (batch.targets for batch in support.plain()))
        constants = {name: value for name, value in {**seen, **own}.items() if name in self._experiment.tasks}
        write_json(self.made.path / "constants.json", {name: value.tolist() for name, value in constants.items()})
        return constants

    def _write_splits(self) -> None:
        splits = {split: list(self._experiment.ids(split)) for split in ("val", "test")}
        write_json(self.made.path / "splits.json", {**splits, "support": list(self._supports[0])})

    def _part_rows(self) -> list[PartRow]:
        network, fresh = self._start.network, self._start.new
        zero = {} if self._settings.grow else self._zeros(network, self._source).held
        new = fresh | {f"heads.{self.plan.task}"}
        phases = self.plan.strategy.phases(self._settings.shots)
        return [replace(row, new=row.name in fresh) for row in part_rows(network, new, self._held, phases, zero)]

    def _log(self, step: int, losses: Mapping[str, float]) -> None:
        self.made.log({"step": step, "split": "train", "loss": dict(losses)})
