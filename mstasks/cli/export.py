"""`mstasks export`: a run's network as one file that runs without mstasks."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from mstasks.cli.arguments import json_option
from mstasks.cli.console import print_json, print_table


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "name", required=True, help="An exporter: torch, onnx, or one of a plugin.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="RUN/export/<recipe>.<suffix> by default.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@json_option
def command(run: Path, name: str, out: Path | None, force: bool, as_json: bool) -> None:
    """Write the network of RUN's best checkpoint, decoding included, as one file for images of any size.

    The file is kept only if it predicts what the network does.
    """
    from mstasks.export import export_run
    from mstasks.runfolder import RunFolder

    exported = export_run(RunFolder.open(run), name, out, force=force)
    size = exported.path.stat().st_size
    if as_json:
        print_json({"file": str(exported.path), "bytes": size, "differences": dict(exported.differences)})
        return
    rows = [(task, f"{value:.1e}") for task, value in exported.differences.items()]
    print_table(("output", "difference"), rows, numbers=("difference",))
    click.echo(f"{exported.path}: {size / 1e6:.1f} MB, predicts what the network does.")
