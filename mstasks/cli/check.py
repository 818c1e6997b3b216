"""`mstasks check`: validate a recipe, push one synthetic batch through it, and look at every file of its data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mstasks.cli.arguments import json_option, plugin_option
from mstasks.cli.console import print_json, print_table
from mstasks.errors import MstasksError, UsageError

if TYPE_CHECKING:
    from mstasks.experiment import Experiment
    from mstasks.scan.check_data import Written
    from mstasks.scan.report import Report


@click.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--data", is_flag=True, help="Then read every file of every split, and report what is there.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="With --data: where data.json, exclude.txt and data.png go, in a numbered folder; runs by default.",
)
@json_option
@plugin_option
def command(
    recipe: str, overrides: tuple[str, ...], data: bool, out: Path | None, as_json: bool, plugins: tuple[str, ...]
) -> None:
    """Validate RECIPE, then push one synthetic batch through every head, loss and metric; needs no data.

    With --data, every file of the data set is read then, in `data.workers` processes: what is unreadable, how many
    images are labelled, which values labels hold, duplicates, sizes, units that look wrong. The exit code is 1 if an
    image is unreadable or a label broken that the recipe does not leave out (`data.exclude`), or if that leaves a split
    without images or a task without labels to train on, else 0: suspicions and duplicates alone are for you to judge.
    --json prints the report instead of tables.
    """
    from mstasks.experiment import Experiment
    from mstasks.recipe import check_names, load_recipe

    if not data and (as_json or out is not None):
        raise UsageError(f"{'--json' if as_json else '--out'} is about the report of --data. Add --data.")
    loaded = load_recipe(recipe, overrides, plugins)
    check_names(loaded)
    experiment = Experiment(loaded)
    _check(recipe, experiment, quiet=as_json)
    if data:
        _check_data(experiment, out or Path("runs"), as_json)


def _check(recipe: str, experiment: Experiment, *, quiet: bool) -> None:
    from mstasks.check import check_recipe, describe_groups

    lines = describe_groups(experiment)
    rows = []
    for row in check_recipe(experiment):
        shapes = (" x ".join(map(str, shape)) for shape in (row.raw, row.decoded, row.target))
        metrics = "  ".join(f"{name} {value:.3g}" for name, value in row.metrics.items() if "/" not in name)
        rows.append((row.task, row.kind, *shapes, f"{row.loss:.4g}", metrics))
    if quiet:
        return
    print_table(("task", "kind", "raw", "decoded", "labels", "loss", "metrics"), rows)
    for line in lines:
        click.echo(line)
    click.echo(f"{recipe}: valid; every head, loss and metric took a synthetic batch.")


def _check_data(experiment: Experiment, out: Path, as_json: bool) -> None:
    from rich.console import Console

    from mstasks.scan.check_data import check_data
    from mstasks.scan.report import document

    # Progress goes to stderr, so that what is on stdout can be read by programs.
    report, written = check_data(experiment, out, Console(stderr=True))
    if as_json:
        print_json(document(report))
    else:
        _print(report, written)
    if report.tally.failed:
        raise MstasksError(_failure(report, written))


def _failure(report: Report, written: Written) -> str:
    failed = [row for row in report.tally.failed if row.id]
    said = [f"{row.split}: {row.fault.reason}" for row in report.tally.failed if not row.id]
    if failed:
        ids = len({row.id for row in failed})
        said.append(
            f"{len(failed)} files or labels of {ids} samples cannot be used; training stops at the first. Mend them, "
            f"or leave those samples out: data.exclude={written.exclude}"
        )
    return "\n".join(said)


def _print(report: Report, written: Written) -> None:
    from mstasks.scan.text import tables

    images = sum(split.images for split in report.tally.splits.values())
    click.echo(f"\ndata set: {report.dataset}: {report.found}\nscanned: {images} images in {report.seconds:.1f} s")
    for table in tables(report):
        click.echo()
        print_table(table.columns, table.rows)
        if table.note:
            click.echo(table.note)
    click.echo()
    for suspicion in report.suspicions:
        click.echo(f"suspicious: {suspicion}")
    if not report.suspicions:
        click.echo("nothing looks suspicious")
    for path in (written.document, written.exclude, written.sheet):
        if path is not None:
            click.echo(f"written: {path}")
