"""The tables of a study, as text; Markdown, the terminal and the page show the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mstasks.report.wording import duration
from mstasks.statistics import spread
from mstasks.study.delta import ArmDelta, delta_difference, delta_from, read_delta
from mstasks.study.job import Job
from mstasks.study.outcome import Status
from mstasks.study.results import Results, Row
from mstasks.study.summaries import NETWORK, Score
from mstasks.study.tuning import read_trials, winner
from mstasks.study.wording import NOTHING, difference, mean_and_spread, number, percents

_ADAPTED = (
    "; an adapted network is that of the last step, or with adapt.hold_out of the best one on labelled images that it "
    "was not trained on"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes:
        title: Its heading.
        columns: Headings.
        rows: As many cells each.
        note: A sentence below it; may be empty.
        numbers: Columns that are aligned to the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""
    numbers: tuple[str, ...] = ()


def tables(results: Results) -> list[Table]:
    """Arms, one table a task, tuning, and runs without a result; those that would be empty are left out."""
    every = [arms_table(results), *(task_table(results, task) for task in results.tasks)]
    every += [tuning_table(results), missing_table(results)]
    return [table for table in every if table.rows]


def arms_table(results: Results) -> Table:
    """What each arm costs, and delta_m."""
    compare = results.state.plan.loaded.study.compare
    columns = ["arm", "runs", "MACs", "parameters", "latency", "time a run"]
    note = "MACs, parameters and latency (one image) are of the network without its dead channels, seed by seed alike "
    note += "or as a range; of a single-task arm, of all its networks together."
    rows = [_costs(results, row) for row in _arms(results)]
    if any(read_delta(results, row.arm) for row in _arms(results)):
        rows = [(*cells, *_delta_m(results, row)) for cells, row in zip(rows, _arms(results), strict=True)]
        columns.append(f"delta_m against {compare.single_task or compare.baseline} [95 %]")
        note += (
            " delta_m is the mean over tasks of the relative change of the primary metric in percent, better is up; a "
            "seed in which one of the tasks has no change is missing."
        )
        if compare.single_task:
            columns.append("difference in delta_m [95 %]")
            note += " Its difference is paired by seed, as that of a metric, between arms of the same tasks."
    return Table("Arms", tuple(columns), rows, note, numbers=tuple(columns[1:]))


def task_table(results: Results, task: str) -> Table:
    """The metrics of a task, and the difference of the primary one from the baseline's."""
    metrics = results.tasks[task]
    arrow = {True: " ↑", False: " ↓", None: ""}[results.higher_is_better(task)]
    primary = metrics[0]
    rows = []
    for row in results.rows_of(task):
        first, *others = (mean_and_spread(results.values(row, task, metric)) for metric in metrics)
        rows.append((row.label, first, _difference(results, row, task, primary), *others))
    columns = ("arm", primary + arrow, f"difference in {primary} [95 %]", *metrics[1:])
    return Table(task, columns, rows, numbers=columns[1:])


def _difference(results: Results, row: Row, task: str, metric: str) -> str:
    if results.baseline(row, task) == row:
        return "baseline"
    text = difference(results.difference(row, task, metric), spread(results.values(row, task, metric)).mean)
    return text if text == NOTHING or results.is_plain(row.arm) else f"{text} vs {results.reference(row.arm)}"


def tuning_table(results: Results) -> Table:
    """Every value that was tried, with its score on the validation split."""
    state, rows = results.state, list[tuple[str, ...]]()
    for name, arm in state.plan.loaded.arms.items():
        first = Job(name, state.plan.loaded.study.seeds[0])
        jobs = state.plan.trials(first) if arm.tuned == name else []
        trials = read_trials(jobs, state.outcomes)
        best = winner(trials) if state.settled(jobs) else None
        for trial in trials:
            score = number(trial.score) if trial.score is not None else state.outcomes[trial.job].status.value
            rows.append((name, " ".join(trial.job.trial), score, "chosen" if trial == best else ""))
    note = "The score is the share of the gap to the constant predictor that is closed, mean over tasks, first seed."
    if any(arm.held_out and arm.tuned for arm in state.plan.loaded.arms.values()):
        note += (
            " Arms that are trained without a task use the value that was chosen with it: the choice has seen the "
            "validation labels of the task that is then taken for unseen."
        )
    return Table("Tuning on the validation split", ("arm", "values", "score on val", ""), rows, note, ("score on val",))


def missing_table(results: Results) -> Table:
    """Runs without a result, and why."""
    outcomes = results.state.outcomes.items()
    rows: list[tuple[str, ...]] = [
        (job.label, outcome.status.value, outcome.reason) for job, outcome in outcomes if not outcome.done
    ]
    return Table("Runs without a result", ("run", "state", "reason"), rows)


def sentences(results: Results) -> Iterator[str]:
    """What the numbers are, how intervals are made, and on which split anything was chosen."""
    study, state = results.state.plan.loaded.study, results.state
    wanted = [job for job in state.outcomes if not job.trial]
    done = sum(state.outcomes[job].done for job in wanted)
    failed = sum(state.outcomes[job].status in (Status.FAILED, Status.BLOCKED) for job in wanted)
    open_, broken = len(wanted) - done - failed, f", {failed} failed" if failed else ""
    yield f"{done} of {len(wanted)} runs are done{broken}{f', {open_} are still to come' if open_ else ''}."
    arms = state.plan.loaded.arms.values()
    adapts, held_out = any(arm.adapts for arm in arms), any(arm.held_out for arm in arms)
    yield (
        "Scores are of the test split: mean ± sample standard deviation over seeds, the number of seeds in brackets"
        + ("; an adapted network's score of a seed is the mean over its draws of the labelled images." * adapts or ".")
    )
    yield (
        f"Differences are from `{study.compare.baseline}`"
        + ", those of arms trained without a task from it trained likewise" * held_out
        + ", those of adapted networks from it adapted to as many images" * adapts
        + ", unless `vs` names another arm. They are paired by seed: the mean of the differences and its 95 % interval "
        "by Student's t."
    )
    if adapts:
        yield (
            "Adapted networks of a seed are compared by their means over the draws that both have. Where there is one "
            "seed, they are paired by draw instead, which tells how much the labelled images matter and nothing about "
            "other trainings."
        )
    if any(row.predictor != NETWORK and not score.draws for row, score in _each(results)):
        yield "Scores of tasks that an adaptation was to keep are of the network of draw 0 alone."
    chosen = f"Checkpoints of trained networks{' and tuned values' if _tunes(results) else ''} were chosen on the"
    yield f"{chosen} {study.compare.select} split{_ADAPTED if adapts else ''}; nothing was chosen on test."


def _each(results: Results) -> Iterator[tuple[Row, Score]]:
    return ((row, score) for (row, _, _), by_seed in results.scores.items() for score in by_seed.values())


def _tunes(results: Results) -> bool:
    return any(arm.tuned for arm in results.state.plan.loaded.arms.values())


def _arms(results: Results) -> list[Row]:
    """Rows of the table of arms: an arm, or an arm and a number of shots."""
    arms = results.state.plan.loaded.arms.items()
    return [Row(name, shots) for name, arm in arms for shots in arm.shots or (None,)]


def _costs(results: Results, row: Row) -> tuple[str, ...]:
    jobs = [job for job in results.state.outcomes if (job.arm, job.shots, job.trial) == (row.arm, row.shots, ())]
    done = [results.costs[job] for job in jobs if job in results.costs]
    times = [cost.seconds for cost in done]
    latencies = [cost.milliseconds for cost in done if cost.milliseconds is not None]
    return (
        row.label,
        f"{len(done)} of {len(jobs)}",
        _millions([cost.macs for cost in done if cost.macs is not None]),
        _millions([cost.parameters for cost in done if cost.parameters is not None]),
        f"{latencies[0]:.2f} ms" if latencies else NOTHING,
        duration(sum(times) / len(times)) if times else NOTHING,
    )


def _millions(counts: list[int]) -> str:
    shown = list(dict.fromkeys(f"{count / 1e6:.2f}" for count in (min(counts), max(counts)))) if counts else [NOTHING]
    return " to ".join(shown) + (" M" if counts else "")


def _delta_m(results: Results, row: Row) -> tuple[str, ...]:
    """delta_m of an arm, and with a single-task arm its difference from that of the arm that it is compared with."""
    single = results.state.plan.loaded.study.compare.single_task
    found = read_delta(results, row.arm) if row.shots is None else None
    if found is None:
        own = "baseline" if row.shots is None and row.arm == delta_from(results, row.arm) else NOTHING
    else:
        own = _own_delta(found) + ("" if single else _beside(results, row))
    return (own, _delta_apart(results, row, found)) if single else (own,)


def _own_delta(found: ArmDelta) -> str:
    whole = found.whole
    missing = f", {whole.missing} missing" if whole.missing else ""
    return f"{percents(whole.mean, whole.sd, whole.interval)} ({whole.count}{missing}; {len(found.tasks)} tasks)"


def _delta_apart(results: Results, row: Row, found: ArmDelta | None) -> str:
    apart = delta_difference(results, row.arm) if found else None
    if apart is None or apart.mean is None:
        return "baseline" if found and results.reference(row.arm) == row.arm else NOTHING
    return f"{percents(apart.mean, None, apart.interval)} ({apart.count}){_beside(results, row)}"


def _beside(results: Results, row: Row) -> str:
    return "" if results.is_plain(row.arm) else f" vs {results.reference(row.arm)}"
