"""`mstasks report`: a run, or several, as one page to look at and to show."""

from __future__ import annotations

from pathlib import Path

import rich_click as click


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path), help="The file; report.html in the first RUN by default.")
@click.option("--images", type=click.IntRange(min=0), help="How many test images to show; the recipe's `run.pictures`.")
@click.option("--image", "ids", metavar="ID", multiple=True, help="Show this test image. May be repeated.")
def command(runs: tuple[Path, ...], out: Path | None, images: int | None, ids: tuple[str, ...]) -> None:
    """Write report.html: scores, pictures, curves, sparsity, costs, and how the run was made.

    The page is one file below 5 MB that needs no network and no server. Of several runs it shows their comparison and a
    tab for each. A run that is still being trained is shown as far as it is. The page is replaced if it is there.
    """
    if ids and images is not None:
        raise click.UsageError("--images and --image exclude each other: give a number or ids.")
    from mstasks.report.build import build_report
    from mstasks.report.examples import Choice

    path = out or runs[0] / "report.html"
    report = build_report(runs, Choice(ids, images))
    size = report.page.write(path)
    for sentence in report.missing:
        click.echo(f"note: {sentence}", err=True)
    click.echo(f"report: {path} ({size / 1e6:.2f} MB)")
