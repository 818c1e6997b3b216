"""The command line answers at once: what is slow to import is imported by the verb that needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "timm", "torchvision", "albumentations", "torchmetrics", "matplotlib", "pydantic", "numpy", "yaml")
LIGHT = {
    "the package": "import mstasks, mstasks.plugins",
    "the command line": "import mstasks.cli",
    "--help": "from mstasks.cli import main; assert main(['--help']) == 0",
    "--version": "from mstasks.cli import main; assert main(['--version']) == 0",
    "ls tasks": "from mstasks.cli import main; assert main(['ls', 'tasks']) == 0",
    "ls datasets --json": "from mstasks.cli import main; assert main(['ls', 'datasets', '--json']) == 0",
    "ls plugins": "from mstasks.cli import main; assert main(['ls', 'plugins']) == 0",
    "ls recipes": "from mstasks.cli import main; assert main(['ls', 'recipes']) == 0",
}


def imported(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after it ran the code."""
    code += "\nimport sys; print('\\n', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT)
def test_nothing_heavy_is_imported(code: str) -> None:
    assert imported(code).isdisjoint(HEAVY)


@pytest.mark.parametrize("name", HEAVY)
def test_the_check_sees_a_module_that_is_imported(name: str) -> None:
    assert name in imported(f"import sys, types; sys.modules[{name!r} + '.part'] = types.ModuleType('part')")


def test_the_check_sees_a_real_import() -> None:
    assert "pydantic" in imported("import mstasks; mstasks.Options")


def test_albumentations_is_told_not_to_call_home_before_anything_runs() -> None:
    code = "import os; os.environ.pop('NO_ALBUMENTATIONS_UPDATE', 0); from mstasks.cli import main; assert main(['ls', 'tasks']) == 0"
    code += "; print(os.environ['NO_ALBUMENTATIONS_UPDATE'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1"
