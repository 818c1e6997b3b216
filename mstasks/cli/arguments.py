"""Options that several verbs share."""

from __future__ import annotations

import rich_click as click

plugin_option = click.option(
    "--plugin",
    "plugins",
    metavar="PATH_OR_NAME",
    multiple=True,
    help="An extra plugin: the path of a .py file, or a module name. May be repeated.",
)
"""``--plugin``, passed as ``plugins: tuple[str, ...]``."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
"""``--json``, passed as ``as_json: bool``."""
