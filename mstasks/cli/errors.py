"""What an error becomes on the command line: a sentence on stderr and an exit code."""

from __future__ import annotations

import os
import sys

import rich_click as click

from mstasks.data.worker_death import is_worker_death, release

_WORKER_DEATH = (
    "It was killed, often for want of memory, or a library crashed over a file: take fewer `data.workers`, and let "
    "`mstasks check RECIPE --data` look for the file. A run goes on from its last checkpoint with "
    "`mstasks fit --resume RUN`."
)
INTERRUPTED = 130
"""Exit code after Ctrl-C where nothing can be resumed, as shells count it: 128 + SIGINT."""


def report(error: BaseException, *, debug: bool) -> int:
    """Print an error to stderr, with its traceback if `debug`, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        _discard_output()
        return 1
    if debug:
        import traceback

        traceback.print_exception(error)
    text, code = _explain(error)
    print(text, file=sys.stderr)
    release(error)
    return code


def _explain(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "interrupted", INTERRUPTED
    if isinstance(error, click.ClickException):
        return _usage(error), error.exit_code
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):  # our own errors say what they are
        return str(error) or type(error).__name__, code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", 1
    if is_worker_death(error):
        return f"{' '.join(str(error).split()).rstrip('.')}. {_WORKER_DEATH}", 1
    text = f"internal error: {type(error).__name__}: {error}".rstrip(": ")
    return f"{text}; run with --debug for the traceback", 1


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "mstasks"
    return f"{where}: {error.format_message()} Try `{where} --help`."


def _discard_output() -> None:
    """Point stdout at nothing, so that the interpreter's last flush finds no broken pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
