"""`mstasks compare`: runs side by side."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from mstasks.cli.arguments import json_option
from mstasks.cli.console import print_json

if TYPE_CHECKING:
    from mstasks.comparison import Comparison
    from mstasks.data.dataset import Split


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@click.option("--baseline", type=click.Path(path_type=Path), help="What delta_m is against; the first RUN by default.")
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    default="test",
    show_default=True,
    help="Whose scores. Those of the test split are in the runs; on another one the networks are scored now.",
)
@click.option("--all", "everything", is_flag=True, help="Print a table per task with all its metrics, too.")
@json_option
def command(runs: tuple[Path, ...], baseline: Path | None, split: Split, everything: bool, as_json: bool) -> None:
    """Print one table of complete runs; a `single-task` run counts as its networks together.

    The best value of a column stands out. delta_m is the mean over tasks of the relative change of the primary metric,
    positive if better. Below the table is said what makes runs hard to compare, such as other test images.
    """
    from mstasks.cli.compare_table import print_comparison, print_tasks
    from mstasks.comparison import compare_runs
    from mstasks.comparison_findings import findings

    comparison = compare_runs(runs, baseline, split)
    if as_json:
        print_json(_document(comparison))
        return
    print_comparison(comparison)
    if everything:
        print_tasks(comparison)
    for finding in findings(comparison):
        click.echo(str(finding))


def _document(comparison: Comparison) -> dict[str, Any]:
    """Everything, for programs: each run's summary with its cost, delta_m and differences."""
    return {
        "split": comparison.split,
        "baseline": str(comparison.baseline.run.path),
        "runs": [
            {
                **row.summary,
                "run": str(row.run.path),
                "name": row.name,
                "tasks": row.tasks,
                "cost": asdict(row.cost),
                "delta_m": asdict(row.delta_m),
                "differs": row.differs,
            }
            for row in comparison.runs
        ],
    }
