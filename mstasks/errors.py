"""Errors that speak to the person at the keyboard: one sentence, an exit code, no traceback."""

from __future__ import annotations

from typing import ClassVar


class MstasksError(Exception):
    """Something went wrong that the message explains; the command line prints it without a traceback.

    Attributes:
        exit_code: What the process exits with: 1, unless a subclass says otherwise.
    """

    exit_code: ClassVar[int] = 1


class UsageError(MstasksError):
    """What was asked cannot be done as asked: a wrong option, a wrong recipe, a plugin that is not there."""

    exit_code = 2


class Interrupted(MstasksError):  # noqa: N818 - not a failure: the work can be resumed
    """The work was interrupted and can be resumed; the message says how."""

    exit_code = 75


class PluginError(UsageError):
    """A plugin that was asked for cannot be used; the message says why and what to do."""
