"""`mstasks compact`: remove the dead channels of a run's network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from mstasks.cli.arguments import json_option
from mstasks.cli.console import print_json, print_table
from mstasks.cli.results import millions, percent, print_results

if TYPE_CHECKING:
    from mstasks.compaction import Compaction


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--multiple",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Keep so many channels that each count is a multiple of this, such as 8 or 16.",
)
@click.option("--fold", is_flag=True, help="Fold BatchNorm into convolutions; the network cannot be trained any more.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the run folder is made; beside RUN by default.")
@json_option
def command(run: Path, multiple: int, fold: bool, out: Path | None, as_json: bool) -> None:
    """Write the best network of RUN without the channels that are zero: equal predictions, fewer MACs.

    The smaller network is a run of its own, which other commands take like any other. RUN stays as it is.
    """
    from mstasks.compaction import compact_run
    from mstasks.runfolder import RunFolder

    made = compact_run(RunFolder.open(run), out, multiple=multiple, folded=fold)
    if as_json:
        print_json({"run": str(made.run.path), **made.summary})
        return
    click.echo(f"run: {made.run.path}")
    print_results(made.summary["tasks"], "test")
    _print_costs(made.summary["compact"])
    for line in _findings(made, run):
        click.echo(line)
    click.echo(f"next: mstasks bench {made.run.path}")


def _print_costs(numbers: Mapping[str, Any]) -> None:
    """What the whole network costs before and after."""
    columns = ("network", "left", "dense", "compact")
    rows = [
        (
            title,
            percent(numbers[key]["compact"] / numbers[key]["dense"]),
            *(show(count) for count in numbers[key].values()),
        )
        for title, key, show in (
            ("channels, shared part", "channels", str),
            ("parameters", "parameters", millions),
            ("MACs", "macs", millions),
            ("weights file", "bytes", lambda count: f"{count / 1e6:.2f} MB"),
        )
    ]
    print_table(columns, rows, numbers=columns[1:])


def _findings(made: Compaction, parent: Path) -> Iterator[str]:
    numbers = made.summary["compact"]
    yield f"predictions: those of {parent} within {numbers['difference']:.1e} of their largest value, on test images"
    if not made.changed:
        yield f"test metrics: those of {parent} to 4 digits"
    for sentence in made.changed:
        yield f"note: {sentence} Another device or few labels may do that; see `mstasks eval {parent}`."
    if numbers["folded"]:
        yield f"folded: {numbers['folded']} norms; this network is for inference, and cannot be trained further"
