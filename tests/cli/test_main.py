"""Every error is one sentence on stderr with the right exit code; a traceback is for those who ask."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import rich_click as click

from mstasks import __version__, cli
from mstasks.cli import VERBS, main, verb
from mstasks.errors import Interrupted, MstasksError, UsageError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def fail_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make `mstasks ls` raise an error."""

    def arrange(error: BaseException) -> None:
        @click.command()
        def broken() -> None:
            raise error

        monkeypatch.setattr(cli, "verb", lambda name: broken)

    return arrange


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            MstasksError("The loss of 'depth' is not finite at step 3."),
            1,
            "The loss of 'depth' is not finite at step 3.\n",
        ),
        (UsageError("r.yaml:1:2: unknown key\nr.yaml:3:4: too"), 2, "r.yaml:1:2: unknown key\nr.yaml:3:4: too\n"),
        (Interrupted("mstasks fit --resume runs/a/001"), 75, "mstasks fit --resume runs/a/001\n"),
        (MstasksError(), 1, "MstasksError\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (FileNotFoundError(2, "No such file or directory", "a.png"), 1, "a.png: No such file or directory\n"),
        (KeyError("x"), 1, "internal error: KeyError: 'x'; run with --debug for the traceback\n"),
        (ValueError(), 1, "internal error: ValueError; run with --debug for the traceback\n"),
        (click.UsageError("Give a recipe."), 2, "mstasks ls: Give a recipe. Try `mstasks ls --help`.\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_a_sentence_and_an_exit_code(
    fail_with: Callable[[BaseException], None], capsys: Capture, error: BaseException, code: int, text: str
) -> None:
    fail_with(error)
    assert main(["ls"]) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.lstrip("\n") == text  # a line break ends the ^C of the terminal


@pytest.mark.parametrize("arguments", [["--debug", "ls"], ["ls", "--debug"]], ids=["before", "after"])
def test_debug_shows_the_traceback_and_the_sentence(
    fail_with: Callable[[BaseException], None], capsys: Capture, arguments: list[str]
) -> None:
    fail_with(MstasksError("It is broken."))
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "raise error" in error
    assert error.endswith("It is broken.\n")


def test_the_environment_may_ask_for_tracebacks(
    fail_with: Callable[[BaseException], None], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSTASKS_DEBUG", "1")
    fail_with(MstasksError("It is broken."))
    assert main(["ls"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_debug_after_two_dashes_is_an_argument(capsys: Capture) -> None:
    assert main(["ls", "--", "--debug"]) == 2
    assert "'--debug' is not one of" in capsys.readouterr().err


def test_a_verb_that_succeeds_exits_with_zero(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mstasks {__version__}\n"


def test_an_exit_code_that_a_verb_sets_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.pass_context
    def stops(context: click.Context) -> None:
        context.exit(7)

    monkeypatch.setattr(cli, "verb", lambda name: stops)
    assert main(["ls"]) == 7


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fitt"], "mstasks: No such command 'fitt'."),
        (
            ["ls", "nothing"],
            "'weightings', 'exporters', 'recipes', 'studies', 'plugins'. Try `mstasks ls --help`.",
        ),
        (["ls", "tasks", "--jsn"], "mstasks ls: No such option '--jsn'."),
        (["--bug"], "mstasks: No such option '--bug'."),
    ],
)
def test_a_usage_error_names_the_verb_and_its_help(capsys: Capture, arguments: list[str], text: str) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_help_lists_every_verb_with_its_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    for name, line in VERBS.items():
        assert f" {name} " in page
        assert line in page


def test_every_verb_is_a_file_and_every_command_a_verb() -> None:
    assert VERBS
    for name in VERBS:
        assert find_spec(f"mstasks.cli.{name}") is not None, f"mstasks/cli/{name}.py is missing"
    folder = Path(str(cli.__file__)).parent
    commands = {path.stem for path in folder.glob("*.py") if "@click.command" in path.read_text("utf-8")}
    assert commands == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself(name: str, capsys: Capture) -> None:
    assert isinstance(verb(name), click.Command)
    assert main([name, "--help"]) == 0
    assert f"mstasks {name}" in capsys.readouterr().out


@pytest.mark.parametrize("tasks", [1, 3000], ids=["short", "longer than a pipe holds"])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, tasks: int) -> None:
    (tmp_path / "many.py").write_text(
        "from mstasks import TaskSpec, hookimpl\n@hookimpl\ndef register_tasks():\n"
        f"    return [TaskSpec(f'task{{i}}', 'A task among many others.', 'm:a') for i in range({tasks})]\n"
    )
    script = 'set -o pipefail; "$0" -m mstasks ls tasks --json --plugin many.py | true; echo "$?"'
    command = ["bash", "-c", script, sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout in ("0\n", "1\n")  # 0 if everything was written before the reader left


def test_python_m_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "mstasks", "nothing"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("mstasks: No such command 'nothing'.")
