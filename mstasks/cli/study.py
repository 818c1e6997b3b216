"""`mstasks study`: arms over seeds, with tables that can be believed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mstasks.cli.arguments import json_option, plugin_option
from mstasks.cli.console import print_json, print_table
from mstasks.errors import Interrupted, MstasksError, UsageError

if TYPE_CHECKING:
    from mstasks.study.job import Job, Plan
    from mstasks.study.results import Results


_SEEDS, _MOST_SEEDS = 2**32, 1000


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(_SEEDS))


def _seeds(ctx: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...]:  # noqa: ARG001
    """``0,3-5`` as numbers."""
    found: list[int] = []
    for part in text.split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            raise click.BadParameter(f"{part!r} is no seed; write 0,1,2 or 0-2.")
        start, end = int(first), int(last or first)
        if end >= _SEEDS or end - start >= _MOST_SEEDS:
            raise click.BadParameter(f"{part!r}: seeds are below 2^32, and at most {_MOST_SEEDS} of them are given.")
        if end < start:
            raise click.BadParameter(f"{part!r} goes backwards; write {end}-{start}.")
        found += range(start, end + 1)
    return tuple(dict.fromkeys(found))


@click.command()
@click.argument("study")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at once; they share the threads."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where the folder of the study is made.",
)
@click.option("--seeds", callback=_seeds, metavar="0,1,2", help="Run these seeds; those of the file by default.")
@click.option("--arms", metavar="NAME,NAME", help="Run these arms, and those that they need; all by default.")
@click.option("--renew", is_flag=True, help="Run again what has changed since it was run; old runs are set aside.")
@click.option("--report-only", is_flag=True, help="Run nothing; write the tables and the page of what is there.")
@plugin_option
@json_option
def command(
    study: str,
    overrides: tuple[str, ...],
    jobs: int,
    out: Path,
    seeds: tuple[int, ...],
    arms: str | None,
    renew: bool,
    report_only: bool,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run the arms of STUDY over its seeds: the path of a study file, or the name of a shipped one.

    KEY=VALUE overrides a key of every arm's recipe, such as data.root=/path. What is done is never run again, and what
    was interrupted goes on. Tables and a page are written after every run.
    """
    from mstasks.study.job import Plan
    from mstasks.study.load import load_study
    from mstasks.study.study import report, run_study

    loaded = load_study(study, overrides, plugins)
    plan = Plan(loaded, tuple(dict.fromkeys([*loaded.study.seeds, *seeds])))
    wanted = _wanted(plan, seeds or loaded.study.seeds, arms)
    root = out / loaded.study.name

    def tell(line: str) -> None:
        click.echo(line, err=as_json)

    tell(f"study: {root}")
    options = _options(jobs, out, seeds, arms, plugins, renew=renew)
    again = shlex.join(["mstasks", "study", study, *overrides, *options])
    if report_only:
        results = report(plan, root, tell)
    else:
        try:
            results = run_study(plan, wanted, root, parallel=jobs, renew=renew, tell=tell)
        except (Interrupted, KeyboardInterrupt) as stopped:
            raise Interrupted(f"{stopped or 'interrupted.'} Go on with: {again}") from None
    if as_json:
        print_json(_document(results, root))
    else:
        _print(results, root)
    _fail(results, wanted, None if report_only else again)


def _wanted(plan: Plan, seeds: tuple[int, ...], arms: str | None) -> list[Job]:
    from mstasks.recipe.wording import did_you_mean, listing

    known = plan.loaded.arms
    names = [name.strip() for name in arms.split(",")] if arms else list(known)
    for name in names:
        if name not in known:
            near = did_you_mean(name, known).capitalize()
            raise UsageError(f"--arms: no such arm {name!r}; arms: {listing(known)}. {near}".rstrip())
    return [job for job in plan.jobs if job.seed in seeds and job.arm in names and not job.trial]


def _options(
    jobs: int, out: Path, seeds: tuple[int, ...], arms: str | None, plugins: tuple[str, ...], *, renew: bool
) -> list[str]:
    """The options of this command that another has to be given to go on."""
    given = ["--jobs", str(jobs)] if jobs != 1 else []
    given += ["--out", str(out)] if out != Path("runs") else []
    given += ["--seeds", ",".join(map(str, seeds))] if seeds else []
    given += ["--arms", arms] if arms else []
    given += ["--renew"] if renew else []
    return [*given, *(word for plugin in plugins for word in ("--plugin", plugin))]


def _print(results: Results, root: Path) -> None:
    from mstasks.study.tables import sentences, tables

    for table in tables(results):
        print_table(table.columns, table.rows, table.title, numbers=table.numbers)
    for sentence in sentences(results):
        click.echo(sentence)
    names = ("results.md", "results.csv", "differences.csv", "study.html")
    click.echo(f"files: {' '.join(str(root / name) for name in names)}")


def _document(results: Results, root: Path) -> dict[str, object]:
    from mstasks.study.numbers import differences
    from mstasks.study.tables import sentences, tables

    runs = [
        {
            **{"arm": job.arm, "seed": job.seed, "shots": job.shots, "trial": list(job.trial)},
            **{"status": outcome.status.value, "reason": outcome.reason, "run": outcome.run and str(outcome.run)},
        }
        for job, outcome in results.state.outcomes.items()
    ]
    shown = [{"title": table.title, "columns": table.columns, "rows": table.rows} for table in tables(results)]
    apart = differences(results)
    return {"study": str(root), "runs": runs, "tables": shown, "differences": apart, "notes": list(sentences(results))}


def _fail(results: Results, wanted: list[Job], again: str | None) -> None:
    """Exit otherwise than with 0 if a run has failed, or, where runs were to be made, is still to come.

    Args:
        results: Of the study.
        wanted: What was to be run.
        again: The command that goes on; None if nothing was to be run.
    """
    from mstasks.study.outcome import Status

    outcomes = results.state.outcomes
    failed = [job for job in wanted if outcomes[job].status in (Status.FAILED, Status.BLOCKED)]
    if failed:
        first = f"{failed[0].label}: {outcomes[failed[0]].reason}"
        raise MstasksError(f"{len(failed)} of {len(wanted)} runs failed. {first}")
    left = [job for job in wanted if not outcomes[job].done]
    if left and again is not None:
        first = f"{left[0].label}: {outcomes[left[0]].reason or outcomes[left[0]].status.value}"
        raise Interrupted(f"{len(left)} of {len(wanted)} runs are not done. {first}. Go on with: {again}")
