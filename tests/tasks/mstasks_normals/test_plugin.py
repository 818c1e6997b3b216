"""The entry module of the normals plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import mstasks_normals


def test_it_offers_normals() -> None:
    (spec,) = mstasks_normals.register_tasks()
    assert spec.name == "normals"
    module, attribute = spec.factory.split(":")
    assert hasattr(import_module(module), attribute)
    assert spec.options is None


def imports(module: str, statement: str) -> bool:
    code = f"{statement}\nimport sys\nprint({module!r} in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_listing_it_imports_nothing_heavy() -> None:
    assert not imports("torch", "import mstasks_normals; mstasks_normals.register_tasks()")
    assert not imports("pydantic", "import mstasks_normals; mstasks_normals.register_tasks()")


def test_the_check_itself_works() -> None:
    assert imports("pydantic", "import mstasks.options")
