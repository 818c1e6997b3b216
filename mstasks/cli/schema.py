"""`mstasks schema`: JSON schema of recipes, for editors."""

from __future__ import annotations

import rich_click as click

from mstasks.cli.arguments import plugin_option
from mstasks.cli.console import print_json


@click.command()
@plugin_option
def schema(plugins: tuple[str, ...]) -> None:
    """Print the JSON schema of recipes, with the options of every plugin.

    An editor that reads `# yaml-language-server: $schema=recipe.schema.json` completes keys and marks mistakes.
    """
    from mstasks.plugins import load_plugins
    from mstasks.recipe import recipe_schema

    print_json(recipe_schema(load_plugins(plugins)))
