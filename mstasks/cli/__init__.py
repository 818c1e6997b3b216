"""The command line: a group of verbs, each imported only when it runs.

`mstasks --help` and `mstasks ls` answer at once because nothing here imports a verb, torch or pydantic. A verb lives in
``mstasks/cli/<verb>.py`` and is a click command named `command` or like the verb.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import rich_click as click

from mstasks.cli.errors import report as report_error  # `report` is a verb, whose module takes that name here

VERBS = {
    "fit": "Train the network that a recipe describes.",
    "study": "Run arms of a comparison over seeds, with tables, intervals and one page.",
    "eval": "Metrics of a run's best checkpoint.",
    "compare": "Runs side by side: scores, delta_m against a baseline, MACs and parameters.",
    "adapt": "Teach a run a task, unseen or seen, from a few labelled images.",
    "compact": "A smaller network without the channels that are zero, as a run of its own.",
    "bench": "Time the dense, masked, compact and exported network of a run.",
    "export": "A file that runs without mstasks.",
    "predict": "A picture and raw arrays per task, for images of your own.",
    "report": "A run, or several, as one page: scores, pictures, curves, sparsity, costs.",
    "data": "The cache of decoded images and labels: fill it ahead of training, or remove it.",
    "check": "Validate a recipe, try it on a synthetic batch, and with --data read every file of its data.",
    "show": "A recipe as it is understood, with the origin of each value.",
    "schema": "JSON schema of recipes, for editors.",
    "ls": "List tasks, data sets, strengths, meta updates, recipes or plugins.",
    "doctor": "Versions, device, plugins and why one is broken.",
}
"""Verbs in the order of `--help`, with the line that it shows."""


class Verbs(click.RichGroup):
    """A group that imports a verb only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature of click
        """Names of all verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """A stand-in that carries the verb's line of help."""
        return click.RichCommand(name=cmd_name, help=VERBS[cmd_name]) if cmd_name in VERBS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb itself and its arguments."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, None if name is None or found is None else verb(name), rest


def verb(name: str) -> click.Command:
    """Import a verb."""
    module = import_module(f"mstasks.cli.{name}")
    command: click.Command = getattr(module, "command", None) or getattr(module, name)
    return command


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from mstasks import __version__

        click.echo(f"mstasks {__version__}")
        ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def group() -> None:
    """Task plugins for multi-task vision: compose tasks in a recipe, train one network.

    Start with `mstasks fit quickstart`.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows ``mstasks``; those of this process by default. ``--debug`` may stand anywhere.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage or recipe error, 75 interrupted and resumable, 130 interrupted.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask a server for its latest version
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    debug = "--debug" in given[:end] or os.environ.get("MSTASKS_DEBUG", "") not in ("", "0")
    given = [argument for argument in given[:end] if argument != "--debug"] + given[end:]
    try:
        code = group.main(given, prog_name="mstasks", standalone_mode=False)
        sys.stdout.flush()  # a reader that has gone away must be noticed here, not while the interpreter ends
    except (Exception, KeyboardInterrupt) as error:
        return report_error(error, debug=debug)
    return code if isinstance(code, int) else 0
