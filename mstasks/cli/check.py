"""`mstasks check`: validate a recipe and push one synthetic batch through it."""

from __future__ import annotations

import rich_click as click

from mstasks.cli.arguments import plugin_option
from mstasks.cli.console import print_table


@click.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@plugin_option
def command(recipe: str, overrides: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    """Validate RECIPE, then push one synthetic batch through every head, loss and metric; needs no data."""
    from mstasks.check import check_recipe, describe_groups
    from mstasks.experiment import Experiment
    from mstasks.recipe import check_names, load_recipe

    loaded = load_recipe(recipe, overrides, plugins)
    check_names(loaded)
    experiment = Experiment(loaded)
    lines = describe_groups(experiment)
    rows = []
    for row in check_recipe(experiment):
        shapes = (" x ".join(map(str, shape)) for shape in (row.raw, row.decoded, row.target))
        metrics = "  ".join(f"{name} {value:.3g}" for name, value in row.metrics.items() if "/" not in name)
        rows.append((row.task, row.kind, *shapes, f"{row.loss:.4g}", metrics))
    print_table(("task", "kind", "raw", "decoded", "labels", "loss", "metrics"), rows)
    for line in lines:
        click.echo(line)
    click.echo(f"{recipe}: valid; every head, loss and metric took a synthetic batch.")
