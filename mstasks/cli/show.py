"""`mstasks show`: the resolved recipe, with the origin of each value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import rich_click as click

from mstasks.cli.arguments import json_option, plugin_option
from mstasks.cli.console import print_json

if TYPE_CHECKING:
    from mstasks.recipe.tree import TreePath

_POSITION = re.compile(r":\d+:\d+$")
_WIDEST = 60


@click.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@plugin_option
@json_option
def show(recipe: str, overrides: tuple[str, ...], plugins: tuple[str, ...], as_json: bool) -> None:
    """Print RECIPE as it is understood: everything inherited, overridden and by default, and where each value is from.

    The output is a recipe itself.
    """
    from mstasks.recipe import load_recipe
    from mstasks.recipe.resolved import document, lines
    from mstasks.recipe.tree import dotted

    loaded = load_recipe(recipe, overrides, plugins)
    if as_json:
        origins = {dotted(path): origin for path, origin in loaded.origins.items() if path}
        print_json({"recipe": document(loaded.recipe), "origins": origins})
        return
    resolved = lines(loaded.recipe)
    width = min(_WIDEST, max(len(line.text) for line in resolved))
    for line in resolved:
        comment = "" if line.opens else f"  # {_origin(loaded.origins, line.path)}"
        click.echo(f"{line.text.ljust(width)}{comment}".rstrip())


def _origin(origins: Mapping[TreePath, str], path: TreePath) -> str:
    """Where a value is from, and what in it is from elsewhere."""
    inside = [origin for other, origin in origins.items() if other[: len(path)] == path]
    by_source = {_POSITION.sub("", origin): origin for origin in reversed(inside)}
    return ", ".join(reversed(by_source.values()))
