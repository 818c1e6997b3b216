"""`mstasks adapt`: learn a task from a few labelled images."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from mstasks.cli.arguments import json_option, plugin_option
from mstasks.cli.console import print_json, print_table
from mstasks.cli.results import millions, percent

if TYPE_CHECKING:
    from mstasks.adapt.job import Draw, Job


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--task", help="The task; by default those that the recipe of RUN names under `unseen`.")
@click.option(
    "--shots", type=click.IntRange(min=1), help="Labelled images k; `adapt.shots` of the recipe by default, 10."
)
@click.option("--draws", type=click.IntRange(min=1), help="How often k images are drawn; `adapt.draws` by default, 5.")
@click.option("--fast", is_flag=True, help="Freeze the backbone: adapt.strategy=fast.")
@click.option("--baseline", "baselines", multiple=True, metavar="scratch|imagenet|RUN", help="May be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the run folder is made; beside RUN by default.")
@plugin_option
@json_option
def command(
    run: Path,
    overrides: tuple[str, ...],
    task: str | None,
    shots: int | None,
    draws: int | None,
    fast: bool,
    baselines: tuple[str, ...],
    out: Path | None,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Teach the network of RUN a task from a few labelled images, and score it on the whole test split.

    KEY=VALUE overrides what the recipe says under `adapt`, `unseen` and `data`, such as adapt.strategy=ridge;
    backbone.weights=FILE is for the baseline imagenet. Each draw
    takes other k images of the train split, fixed by the recipe's seed. The network of draw 0 is kept, in a run folder
    of its own that other commands take like any other. RUN stays as it is.
    """
    from mstasks.adapt.job import adapting
    from mstasks.adapt.recipe import plan, tasks_to_adapt
    from mstasks.runfolder import RunFolder

    flags = [*overrides, *_flags(shots, draws, fast, baselines)]
    parent = RunFolder.open(run)
    made = []
    for name in tasks_to_adapt(parent, task, overrides, plugins):
        planned = plan(parent, name, flags, plugins)
        with adapting(parent, planned, out) as job:
            summary = _run(job, quiet=as_json)
        made.append({"run": str(job.made.path), **summary})
    if as_json:
        print_json(made[0] if len(made) == 1 else made)


def _flags(shots: int | None, draws: int | None, fast: bool, baselines: Sequence[str]) -> Iterator[str]:
    if shots is not None:
        yield f"adapt.shots={shots}"
    if draws is not None:
        yield f"adapt.draws={draws}"
    if fast:
        yield "adapt.strategy=fast"
    if baselines:
        named = [
            name if name in ("scratch", "imagenet") or not Path(name).exists() else str(Path(name).resolve())
            for name in baselines
        ]
        yield f"adapt.baselines={json.dumps(named)}"


def _run(job: Job, *, quiet: bool) -> dict[str, Any]:
    """Adapt draw by draw, saying what happens; the summary."""
    began = time.monotonic()
    if not quiet:
        _introduce(job)
    for draw in job.draws():
        if not quiet:
            click.echo(_draw_line(draw, job))
    summary = job.conclude()
    if not quiet:
        _conclude(job, summary, time.monotonic() - began)
    return summary


def _introduce(job: Job) -> None:
    settings, phases = job.plan.recipe.adapt, job.plan.strategy.phases(job.plan.recipe.adapt.shots)
    click.echo(f"run: {job.made.path}")
    steps = sum(phase.steps for phase in phases)
    how = settings.strategy.name
    if steps or job.plan.strategy.closed_form:
        how += f", {_counted(steps, 'step') if steps else 'in closed form'}"
    images, draws = _counted(settings.shots, "labelled image"), _counted(settings.draws, "draw")
    click.echo(f"task {job.plan.task} from {images}, {draws}; strategy {how}")
    if job.plan.released:
        click.echo(f"left out, as another data set was chosen: {', '.join(job.plan.released)}")
    _print_parts(job)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}"


def _print_parts(job: Job) -> None:
    """What is frozen, trained and zero."""
    starts, end = [], 0
    for phase in job.plan.strategy.phases(job.plan.recipe.adapt.shots):
        starts.append(f"steps {end + 1} to {end + phase.steps}")
        end += phase.steps
    columns = ("part", "parameters", "zero", *starts)
    rows = [
        (
            f"{row.name} (new)" if row.new else row.name,
            millions(row.parameters),
            percent(row.zero / row.parameters) if row.zero else "-",
            *("frozen" if rate is None else f"rate {rate:g}" for rate in row.rates),
        )
        for row in job.parts
    ]
    print_table(columns, rows, numbers=columns[1:])


def _draw_line(draw: Draw, job: Job) -> str:
    shown = [
        f"{column} {scores.values[scores.primary]:.4g}" for column, scores in draw.scores.items() if column != "adapted"
    ]
    own = draw.scores["adapted"]
    ids = draw.support if len(draw.support) <= _MOST_IDS else draw.support[:_FIRST_IDS]
    rest = len(draw.support) - len(ids)
    more = f" and {rest} more, all in {job.made.summary}" if rest else ""
    beside = f" ({', '.join(shown)})" if shown else ""
    return (
        f"draw {draw.number}: {own.primary} {own.values[own.primary]:.4g}{beside}, {draw.seconds:.1f} s; "
        f"support {', '.join(ids)}{more}"
    )


_MOST_IDS, _FIRST_IDS = 50, 10  # of more images than these, so many are named


def _conclude(job: Job, summary: Mapping[str, Any], seconds: float) -> None:
    from mstasks.adapt.findings import findings

    adapt = summary["adapt"]
    _print_columns(adapt)
    _print_seen(adapt["seen"], summary["tasks"])
    if adapt["grow"]:
        grown = ", ".join(f"{count} of the {part}" for part, count in job.grown.items())
        click.echo(f"channels that came back: {grown}")
    for sentence in (*adapt["failed"], *findings(adapt)):
        click.echo(f"note: {sentence}")
    click.echo(f"{seconds:.1f} s in all, {adapt['seconds']} s of it adapting; kept: the network of draw 0")
    if job.plan.recipe.run.pictures:
        click.echo(f"pictures: {job.made.predictions / 'overview.png'}")
    click.echo(f"next: mstasks predict {job.made.path} IMAGE.jpg")


def _print_columns(adapt: Mapping[str, Any]) -> None:
    """Mean and spread of each column, and by how much adapting is better on the same draws."""
    from mstasks.adapt.findings import difference

    before = adapt["before"].get(adapt["primary"])
    rows = [("before", _number(before), "", "")]
    for column, spread in adapt["columns"].items():
        ahead = "" if column == "adapted" else _ahead(*difference(adapt, column))
        rows.append((column, _number(spread["mean"]), _number(spread["sd"]), ahead))
    better = "higher" if adapt["higher_is_better"] else "lower"
    title = (
        f"test split: {adapt['task']} {adapt['primary']} ({better} is better), {_counted(len(adapt['draws']), 'draw')}"
    )
    columns = ("predictor", "mean", "sd", "adapted is better by (95 %)")
    print_table(columns, rows, title, numbers=columns[1:])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _ahead(mean: float | None, interval: tuple[float, float] | None) -> str:
    return _number(mean) if interval is None else f"{_number(mean)} ({interval[0]:.3g} to {interval[1]:.3g})"


def _print_seen(seen: Mapping[str, Any], tasks: Mapping[str, Any]) -> None:
    """What the tasks that the run did before have lost, or not."""
    rows = [
        (
            name,
            tasks[name]["primary"],
            *(_number(scores[when].get(tasks[name]["primary"])) for when in ("before", "after")),
        )
        for name, scores in seen.items()
    ]
    if rows:
        columns = ("seen task", "metric", "before", "after")
        print_table(columns, rows, numbers=columns[2:])
