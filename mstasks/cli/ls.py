"""`mstasks ls`: tables of what is there. Imports no plugin's factory, no torch, no pydantic."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import rich_click as click

from mstasks.cli.arguments import json_option, plugin_option
from mstasks.cli.console import print_json, print_table
from mstasks.plugins import Registry, SpecKind, load_plugins

_PLUGIN_COLUMNS = ["name", "version", "origin", "provides", "error"]
_KINDS: dict[str, SpecKind] = {
    "tasks": "task",
    "datasets": "dataset",
    "strengths": "strength",
    "updates": "update",
    "adaptations": "adaptation",
    "weightings": "loss-weighting",
    "exporters": "exporter",
}


@click.command()
@click.argument("what", type=click.Choice([*_KINDS, "recipes", "studies", "plugins"]))
@plugin_option
@json_option
def command(what: str, plugins: tuple[str, ...], as_json: bool) -> None:
    """List tasks, data sets, strengths, updates, adaptations, weightings, exporters, recipes, studies or plugins."""
    if what == "recipes":
        _show(what, _recipes(), ["name", "summary"], as_json)
        return
    if what == "studies":
        _show(what, _studies(), ["name", "summary"], as_json)
        return
    registry = load_plugins(plugins)
    if what == "plugins":
        _show(what, [asdict(row) for row in registry.plugins], _PLUGIN_COLUMNS, as_json)
        return
    _show(what, _offers(registry, _KINDS[what]), ["name", "summary", "plugin"], as_json)
    broken = [row.name for row in registry.plugins if row.error is not None]
    if broken:
        click.echo(f"Some plugins are broken: {', '.join(broken)}. `mstasks ls plugins` says why.", err=True)


def _recipes() -> list[dict[str, Any]]:
    from mstasks.recipe import list_recipes

    return [{"name": name, "summary": summary, "path": str(path)} for name, summary, path in list_recipes()]


def _studies() -> list[dict[str, Any]]:
    from mstasks.study.find import list_studies

    return [{"name": name, "summary": summary, "path": str(path)} for name, summary, path in list_studies()]


def _offers(registry: Registry, kind: SpecKind) -> list[dict[str, Any]]:
    return [asdict(spec) | {"plugin": registry.owner(kind, spec.name)} for spec in registry.specs(kind)]


def _show(what: str, rows: list[dict[str, Any]], columns: list[str], as_json: bool) -> None:
    """Print rows as JSON with all they hold, or as a table of some columns."""
    if as_json:
        print_json(rows)
    elif rows:
        print_table([column.upper() for column in columns], [[_cell(row[key]) for key in columns] for row in rows])
    else:
        click.echo(f"no {what}")


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(value)
    return "" if value is None else str(value)
