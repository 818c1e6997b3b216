"""`mstasks eval`: score a run's best checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mstasks.cli.arguments import json_option
from mstasks.cli.console import print_json

if TYPE_CHECKING:
    from mstasks.data.dataset import Split


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="test", show_default=True)
@json_option
def command(run: Path, split: Split, as_json: bool) -> None:
    """Score the best checkpoint of RUN; on the test split it gives the run's own numbers."""
    from mstasks.cli.results import print_results
    from mstasks.runfolder import RunFolder, finite
    from mstasks.trained import score_run

    tasks = score_run(RunFolder.open(run), split)
    if as_json:
        print_json(finite({"run": str(run), "split": split, "tasks": tasks}))
    else:
        print_results(finite(tasks), split)
